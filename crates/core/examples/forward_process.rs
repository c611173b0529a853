//! The data of diffusion training: an image with noise, its target, and the image recovered from both.
//!
//! `cargo run -p halfstep-core --example forward_process`

use burn::tensor::{Device, Distribution, Tensor};
use halfstep_core::{
    LossWeighting, Prediction, PredictionType, ScheduleConfig, ScheduleName, add_noise,
    get_velocity,
};

fn main() -> Result<(), halfstep_core::ScheduleError> {
    let device = Device::flex();
    let cosine =
        ScheduleConfig { zero_terminal_snr: true, ..ScheduleConfig::new(ScheduleName::Cosine) };
    let schedule = cosine.build()?;

    let x0 = Tensor::<4>::random([1, 1, 4, 4], Distribution::Uniform(-1.0, 1.0), &device);
    let eps = Tensor::random([1, 1, 4, 4], Distribution::Normal(0.0, 1.0), &device);
    println!("   t   alpha   sigma   min-SNR weight of v   error of x0 from (z, v)");
    for t in [0, 255, 511, 767, 1023] {
        let level = schedule.at(t);
        let z = add_noise(x0.clone(), eps.clone(), &[level]);
        let v = get_velocity(x0.clone(), eps.clone(), &[level]);
        // A perfect network predicts v; x0 and eps follow from any prediction.
        let x0_again = Prediction::new(PredictionType::VPrediction, v, z, &[level]).x0();
        let error = (x0_again - x0.clone()).abs().max().into_scalar::<f32>();
        let weight = LossWeighting::MinSnrGamma { gamma: 5.0 }
            .output_weight(PredictionType::VPrediction, level);
        println!(
            "{t:>4}   {:.4}   {:.4}   {weight:>18.4}   {error:.1e}",
            level.alpha(),
            level.sigma()
        );
    }
    Ok(())
}
