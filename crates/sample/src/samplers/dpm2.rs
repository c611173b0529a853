//! The midpoint method in sigma / alpha with the geometric middle, k-diffusion's `sample_dpm_2` and
//! diffusers' `KDPM2DiscreteScheduler` (Karras et al. 2022, <https://arxiv.org/abs/2206.00364>,
//! algorithm 2 without its noise): two network calls a step, one in the last.

use burn::tensor::Tensor;
use halfstep_core::{NoiseLevel, X0Clip};

use crate::error::SampleError;
use crate::ode::OdeVariable;
use crate::options::clipped_everywhere;
use crate::registry::{GridRule, SamplerEntry};
use crate::sampler::{Sampler, Trajectory, walk};

/// For the command line.
pub static ENTRY: SamplerEntry = SamplerEntry {
    name: "dpm2",
    about: "Midpoint method in sigma / alpha (Karras et al. 2022, k-diffusion): two calls a step",
    order: Some(2),
    takes: &[],
    grid: GridRule::Any,
    build: |options| Ok(Box::new(Dpm2 { clip: options.clip })),
};

/// Half a step in lambda with the first answer, then the whole step with the second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dpm2 {
    /// Keep x0 in range.
    pub clip: Option<X0Clip>,
}

impl Sampler for Dpm2 {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn calls(&self, num_steps: usize) -> Option<usize> {
        Some(2 * num_steps.saturating_sub(1) + 1)
    }

    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError> {
        run.needs_signal("sigma / alpha is infinite")?;
        let variable = OdeVariable::Karras;
        walk(run, |run, z, jump| {
            let ask = |z, at| run.predict(z, at).map(|p| clipped_everywhere(p, self.clip));
            let first = ask(z.clone(), jump.from)?;
            if jump.is_final() {
                return Ok(first.x0());
            }
            let (from, to) = (jump.from.level, jump.to.level);
            let middle = NoiseLevel::from_log_snr((from.log_snr() + to.log_snr()) / 2.0);
            let y = variable.state(z, &[from]);
            let step = |eps: Tensor<4>, level: NoiseLevel| {
                let length = variable.position(level) - variable.position(from);
                variable.z(y.clone() + eps * length, &[level])
            };
            let second = ask(step(first.eps(), middle), (run.locate)(middle))?;
            Ok(step(second.eps(), to))
        })
    }
}
