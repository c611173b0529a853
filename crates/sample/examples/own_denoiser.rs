//! A denoiser of your own under every sampler there is.
//!
//! `cargo run -p sample --example own_denoiser`
//!
//! The data here is one-dimensional: every pixel is normal with mean 0.5 and standard deviation 0.2.
//! Then E[x0 | z] is known, so no network is needed, and so is where each method should end: pixels of
//! that mean and deviation. Any function from (z, time) to a [`Prediction`] will do in its place.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use halfstep_core::rng::{Purpose, noise};
use halfstep_core::{
    NoiseLevel, Prediction, PredictionType, ScheduleConfig, ScheduleName, TimePoint,
};
use halfstep_sample::{
    AnalyticStatistics, GridKind, GridLayout, SamplerKind, SamplerOptions, draw_with,
};

const MEAN: f64 = 0.5;
const DEVIATION: f64 = 0.2;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let schedule = ScheduleConfig::new(ScheduleName::Linear).build()?;
    // x0 given z = alpha x0 + sigma eps: the textbook's normal regression.
    let denoiser = |z: Tensor<4>, at: &[TimePoint]| {
        let level = at[0].level;
        let (alpha, variance) = (level.alpha(), DEVIATION.powi(2));
        let gain = variance * alpha / (alpha * alpha * variance + level.sigma().powi(2));
        let x0 = (z.clone() - alpha * MEAN) * gain + MEAN;
        Prediction::new(PredictionType::Sample, x0, z, &[level])
    };
    let left = |level: NoiseLevel| 1.0 / (DEVIATION.powi(-2) + level.snr());
    let statistics = AnalyticStatistics {
        posterior_data_variance: Arc::new(move |at: TimePoint| left(at.level)),
        linear_betas: true,
        last_clip: None,
    };

    // Image k starts from the noise of (seed, k), so that it is the same in every run.
    let start = noise(0, Purpose::InitNoise, 0..64, 16 * 16);
    let start = Tensor::from_data(TensorData::new(start, [64, 1, 16, 16]), &Device::flex());
    let layout = GridLayout { kind: GridKind::Phi, ..GridLayout::default() };
    println!("{:>20}   steps   mean    deviation", "");
    for kind in SamplerKind::all() {
        let num_steps = 30;
        let options =
            SamplerOptions { num_steps, analytic: Some(statistics.clone()), ..Default::default() };
        let sampler = kind.build(&options)?;
        let grid = layout.grid(&schedule, kind.grid_rule(), num_steps)?;
        let end = draw_with(sampler.as_ref(), &denoiser, &schedule, &grid, start.clone(), 0)?;
        let mean = end.clone().mean().into_scalar::<f32>();
        let deviation = (end - mean).square().mean().sqrt().into_scalar::<f32>();
        println!("{:>20}   {:>5}   {mean:.4}  {deviation:.4}", kind.name(), grid.len() - 1);
    }
    Ok(())
}
