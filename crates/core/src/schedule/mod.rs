//! Noise schedules: from a time to a [`NoiseLevel`].

mod betas;
mod config;
mod cosine;
mod ddpm_continuous;
mod discrete;
mod error;
mod sigmoid;

pub use config::{ScheduleConfig, ScheduleName};
pub use cosine::CosineSchedule;
pub use ddpm_continuous::DdpmContinuousSchedule;
pub use discrete::{DiscreteSchedule, MAX_TRAIN_TIMESTEPS};
pub use error::ScheduleError;
pub use sigmoid::SigmoidSchedule;

use crate::NoiseLevel;

/// The noise level at every time. (diffusers' "scheduler" is this and a sampler in one; here they
/// are separate.)
pub trait NoiseSchedule {
    /// The level at `u` in `[0, 1]`, 0 = clean end; `u` outside is clamped. The level gets noisier
    /// as `u` grows.
    fn level(&self, u: f64) -> NoiseLevel;
}
