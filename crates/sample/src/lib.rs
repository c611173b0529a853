//! Samplers, drawing, and pictures.
//!
//! A [`Sampler`] walks from `z_T` to `z_0` over a grid of times and sees nothing but a
//! [`halfstep_core::Denoiser`]. [`Draw`] runs one over a network for as many images as wanted;
//! image k depends on (seed, k) alone. [`Images`] turns the result into pixels, and
//! [`picture`] and [`output`] into files; [`kept`] writes them as they are drawn. [`GammaTable`] is what Analytic-DPM has to know of a
//! network beforehand.

mod agreement;
mod analytic;
mod class_names;
pub mod cli;
mod compat;
mod draw;
mod error;
mod grids;
pub mod methods;
mod of_model;
pub mod output;
mod registry;
mod sampler;

// For callers that are not moved to halfstep_core and halfstep_terminal yet.
pub use halfstep_core::{caught, counted, nearest_name, note_panics};
pub use halfstep_terminal::{
    ProgressLine as Watch, StopSignal as StopFlag, answer, bar_style, device_arg, name_or_path_arg,
    path_arg, run_program, say, select_device, to_stderr, to_stdout,
};

pub use agreement::{
    MATRIX_UNITS, ROUNDING, check_drawing, largest, relative_difference, say_unchecked, verdict,
};
pub use analytic::{
    GammaError, GammaEstimate, GammaSource, GammaTable, MakeDenoiser, model_sha256,
};
pub use class_names::{ClassError, ClassNames};
pub use cli::dataset::{load_dataset, say_passed_over};
pub use cli::model::{load_noted, open_model, open_model_checked};
pub use compat::{diffusers_ddim_targets, diffusers_dpm_grid};
pub use draw::noise_path::NoisePath;
pub use draw::{Draw, DrawProgress, MAKING, Start, StepNoise, quietly};
pub use error::SampleError;
pub use grids::{
    GridKind, continuous_grid, end_at_first_time, listed_grid, multistep_grid, sampling_grid,
    student_grid,
};
pub use halfstep_files::check_room;
pub use methods::analytic_dpm::AnalyticDpm;
pub use methods::ancestral::Ancestral;
pub use methods::angular::AngularDdim;
pub use methods::ddim::Ddim;
pub use methods::dpm_multistep::DpmMultistep;
pub use methods::dpm_singlestep::DpmSinglestep;
pub use methods::options::{AnalyticStatistics, DiffusersCompat, SamplerOptions, Tolerance};
pub use methods::runge_kutta::{OdeVariable, RungeKutta, Tableau};
pub use output::formats::{PictureFormat, check_ending};
pub use output::images::Images;
pub use output::places::{Named, clash, place, writes_over};
pub use output::{kept, picture};
pub use registry::{GridRule, SamplerEntry, SamplerKind, Takes};
pub use sampler::{Family, Jump, Sampler, StepInfo, Trajectory, draw_with, walk};
