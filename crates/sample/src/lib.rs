//! Samplers, drawing, and pictures.
//!
//! A [`Sampler`] walks from `z_T` to `z_0` over a grid of times and sees nothing but a
//! [`halfstep_core::Denoiser`]. [`Draw`] runs one over a network for as many images as wanted;
//! image k depends on (seed, k) alone. [`Images`] turns the result into pixels, and
//! [`picture`] and [`output`] into files; [`kept`] writes them as they are drawn. [`GammaTable`] is what Analytic-DPM has to know of a
//! network beforehand.

mod agreement;
mod class_names;
mod completions;
mod dataset;
mod device_flag;
mod device_list;
mod diffusers;
mod draw;
mod error;
pub mod exponential;
mod formats;
mod gamma;
mod grid;
mod images;
pub mod kept;
mod noise_path;
mod ode;
mod of_model;
mod open_model;
mod options;
pub mod output;
mod panics;
mod path_args;
pub mod picture;
mod places;
mod program_main;
mod registry;
mod sampler;
pub mod samplers;
mod say;
mod signals;
mod suggest;
mod watch;

pub use agreement::{
    MATRIX_UNITS, ROUNDING, check_drawing, largest, relative_difference, say_unchecked, verdict,
};
pub use class_names::{ClassError, ClassNames};
pub use dataset::{load_dataset, say_passed_over};
pub use device_flag::{device_arg, select_device};
pub use diffusers::{diffusers_ddim_targets, diffusers_dpm_grid};
pub use draw::{Draw, DrawProgress, MAKING, Start, StepNoise, quietly};
pub use error::SampleError;
pub use formats::{PictureFormat, check_ending};
pub use gamma::{GammaError, GammaEstimate, GammaSource, GammaTable, MakeDenoiser, model_sha256};
pub use grid::{
    GridKind, continuous_grid, end_at_first_time, listed_grid, multistep_grid, sampling_grid,
    student_grid,
};
pub use halfstep_files::check_room;
pub use images::Images;
pub use noise_path::NoisePath;
pub use ode::{OdeVariable, RungeKutta, Tableau};
pub use open_model::{load_noted, open_model, open_model_checked};
pub use options::{AnalyticStatistics, DiffusersCompat, SamplerOptions, Tolerance};
pub use panics::{caught, note_panics};
pub use path_args::{name_or_path_arg, path_arg};
pub use places::{Named, clash, place, writes_over};
pub use program_main::run_program;
pub use registry::{GridRule, SamplerEntry, SamplerKind, Takes};
pub use sampler::{Family, Jump, Sampler, StepInfo, Trajectory, draw_with, walk};
pub use samplers::analytic::AnalyticDpm;
pub use samplers::ancestral::Ancestral;
pub use samplers::angular::AngularDdim;
pub use samplers::ddim::Ddim;
pub use samplers::dpm_multistep::DpmMultistep;
pub use samplers::dpm_singlestep::DpmSinglestep;
pub use say::{counted, to_stderr, to_stdout};
pub use signals::StopFlag;
pub use suggest::nearest_name;
pub use watch::{Watch, bar_style};
