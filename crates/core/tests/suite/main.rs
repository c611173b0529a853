//! The mathematics against golden values (one file a golden family) and against its own laws.
//!
//! Needs the `flex` backend: the only one with f64 tensors.
#![cfg(feature = "flex")]

mod support;

mod a_schedules;
mod b_conversions;
mod c_ddim;
mod c_timesteps;
mod d_ddpm;
mod f_minsnr_ema;
mod x_exact_gaussian;
mod x_exact_mixture;

mod analytic;
mod trajectory;

mod laws_denoiser;
mod laws_distillation;
mod laws_posterior;
mod laws_prediction;
mod laws_schedule;
mod laws_step;
