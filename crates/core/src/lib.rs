//! The mathematics of variance-preserving diffusion: noise schedules, predictions, targets, single steps, random
//! numbers. Samplers and training are built on it.
//!
//! Sampling by DDIM, with an exact denoiser instead of a network:
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use halfstep_core::{
//!     Denoiser, DiscreteSchedule, GaussianOracle, TimePoint, TimestepSpacing, ddim_step, timesteps,
//! };
//!
//! // Images of one pixel with mean 0.5 and variance 0.01.
//! let denoiser = GaussianOracle::new(vec![0.5], vec![0.01])?;
//! let schedule = DiscreteSchedule::squaredcos_cap_v2(1000)?;
//! let mut grid = schedule.points(&timesteps(TimestepSpacing::Trailing, 10, 1000, 0)?);
//! grid.push(TimePoint::CLEAN);
//!
//! let mut z = Tensor::<4>::zeros([1, 1, 1, 1], &Device::flex());
//! for pair in grid.windows(2) {
//!     let prediction = denoiser.predict(z, &pair[..1]);
//!     z = ddim_step(&prediction, &[pair[0].level], &[pair[1].level], 0.0, None);
//! }
//! assert!((z.into_scalar::<f32>() - 0.5).abs() < 0.01);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Read in this order:
//!
//! 1. [`NoiseLevel`]: one `(alpha, sigma)` with `alpha^2 + sigma^2 = 1`. A [`NoiseSchedule`] gives one for every
//!    time.
//! 2. [`add_noise`] and [`training_target`]: a network's input, and what it learns to predict.
//! 3. [`Prediction`]: a network's prediction as x0, eps or v. A [`Denoiser`] is anything that predicts.
//! 4. [`ddim_step`], [`ancestral_step`], [`angular_step`]: one update each, shared by samplers and distillation.
//! 5. [`distillation_target`]: the one step of a student that equals two steps of its teacher.
//! 6. [`LossWeighting`], [`EmaSchedule`], [`timesteps`]: the scalars of training and sampling.
//! 7. [`analytic_variance`], [`optimal_trajectory`]: Analytic-DPM, how much noise to add and where to step, from
//!    a network's mean squared prediction.
//! 8. [`GaussianOracle`], [`MixtureOracle`]: exact denoisers, which test everything above.
//! 9. [`rng`]: counter-based random numbers.
//! 10. [`StopFlag`], [`caught`], [`counted`], [`nearest_name`]: small tools that every crate shares.
//!
//! # Conventions
//!
//! Images are `[B, C, H, W]` with values in `[-1, 1]`. Levels and times come as slices of length 1 (shared by the
//! batch) or B (one each). Host arithmetic is f64; a coefficient reaches a tensor in that tensor's own float type,
//! on its device. `u` in `[0, 1]` is continuous time with 0 = clean; discrete time `t` in `0..T` is
//! `u = (t + 1) / T`.
//!
//! # Architecture invariant
//!
//! Nothing here divides by alpha or sigma where a form without the division exists, so zero terminal SNR
//! (alpha = 0) and the clean end (sigma = 0) are ordinary points. Where no such form exists, the item's
//! documentation names it. Nothing here reads files, uses the network or prints.

mod analytic;
mod denoiser;
mod distill;
mod ema;
mod forward;
mod host;
mod level;
mod oracle;
mod posterior;
mod prediction;
pub mod rng;
mod schedule;
mod step;
mod threshold;
mod time_point;
mod timesteps;
mod trajectory;
mod weighting;

pub use analytic::{AnalyticVariance, analytic_variance, noise_clip, posterior_data_variance};
pub use denoiser::Denoiser;
pub use distill::{distillation_target, distillation_target_x0};
pub use ema::{EmaSchedule, EmaWarmup};
pub use forward::{add_noise, column, get_velocity, predict_eps, predict_x0, training_target};
pub use host::{StopFlag, caught, counted, nearest_name, note_panics};
pub use level::NoiseLevel;
pub use oracle::{GaussianOracle, MixtureOracle, OracleError};
pub use posterior::{Posterior, posterior};
pub use prediction::{ParsePredictionTypeError, Prediction, PredictionType, X0Clip};
pub use schedule::{
    CosineSchedule, DdpmContinuousSchedule, DiscreteSchedule, MAX_TRAIN_TIMESTEPS, NoiseSchedule,
    ScheduleConfig, ScheduleError, ScheduleName, SigmoidSchedule,
};
pub use step::{AncestralVariance, ancestral_step, angular_step, ddim_step};
pub use threshold::dynamic_threshold;
pub use time_point::TimePoint;
pub use timesteps::{TimestepError, TimestepSpacing, dpm_timesteps, timesteps};
pub use trajectory::{TrajectoryError, best_trajectory, optimal_trajectory};
pub use weighting::{LossWeighting, LossWeightingError};
