//! Values that other programs printed; `tests/fixtures/README.md` names their origin.

mod beta_schedules;
mod ddim_trajectories;
mod ddpm_steps;
pub mod gaussian_oracle;
mod loss_weights_and_ema;
mod mixture_oracle;
mod prediction_conversions;
mod timestep_lists;
