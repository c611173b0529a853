//! Samplers over exact denoisers.

use burn::tensor::{DType, Tensor};
use halfstep_core::{
    CosineSchedule, Denoiser, GaussianOracle, MixtureOracle, NoiseLevel, NoiseSchedule, TimePoint,
};
use halfstep_sample::{Jump, SampleError, Sampler, SamplerKind, SamplerOptions, Trajectory};
use serde_json::Value;

use crate::support::*;

/// A fixture of halfstep-core.
pub fn core_fixture(name: &str) -> Value {
    fixture(&format!("../../../core/tests/fixtures/{name}"))
}

pub fn gaussian() -> GaussianOracle {
    let golden = core_fixture("x_exact_gaussian");
    GaussianOracle::new(numbers(&golden["mean"]), numbers(&golden["var"])).unwrap()
}

pub fn mixture() -> MixtureOracle {
    let golden = core_fixture("x_exact_mixture");
    let means = list(&golden, "means").iter().map(numbers).collect();
    MixtureOracle::new(numbers(&golden["weights"]), means, numbers(&golden["tau2"])).unwrap()
}

/// The points of an oracle, which looks at levels only.
pub fn points(levels: &[NoiseLevel]) -> Vec<TimePoint> {
    levels.iter().copied().map(at).collect()
}

/// N levels of the continuous cosine from pure noise at u = 1 in equal steps, then clean.
pub fn from_pure_noise(steps: usize) -> Vec<TimePoint> {
    let level = |i: usize| CosineSchedule::unclipped().level(i as f64 / steps as f64);
    points(&(0..=steps).rev().map(level).collect::<Vec<_>>())
}

/// Walks without noise: fails the test if any is asked for.
pub fn walk_ode(
    sampler: &dyn Sampler,
    denoiser: &dyn Denoiser,
    start: &[f64],
    grid: &[TimePoint],
) -> Result<Vec<f64>, SampleError> {
    let refuse = &mut |_| panic!("{} asked for noise", sampler.name());
    walk(sampler, denoiser, tensor(start, DType::F64), grid, refuse).map(values)
}

pub fn walk(
    sampler: &dyn Sampler,
    denoiser: &dyn Denoiser,
    start: Tensor<4>,
    grid: &[TimePoint],
    noise: &mut dyn FnMut(Jump) -> Tensor<4>,
) -> Result<Tensor<4>, SampleError> {
    sampler.sample(Trajectory {
        denoiser,
        start,
        grid,
        locate: &at,
        noise,
        on_step: &mut |_| Ok(()),
    })
}

/// A sampler of the list with default options, for this many steps.
pub fn build(kind: SamplerKind, num_steps: usize) -> Box<dyn Sampler> {
    kind.build(&SamplerOptions { num_steps, ..SamplerOptions::default() }).unwrap()
}

pub fn by_name(name: &str) -> SamplerKind {
    name.parse().unwrap()
}
