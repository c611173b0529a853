//! Sampling from diffusion models: methods, grids of times, drawing, pictures.
//!
//! A [`Sampler`] takes noise to images over a grid of times and sees nothing of a network but a
//! [`halfstep_core::Denoiser`]. Here is one over a denoiser that is known exactly:
//!
//! ```
//! use burn::tensor::{Device, Tensor, TensorData};
//! use halfstep_core::{GaussianOracle, ScheduleConfig, ScheduleName, TimestepSpacing};
//! use halfstep_core::rng::{Purpose, noise};
//! use halfstep_sample::{DpmMultistep, draw_with, sampling_grid};
//!
//! // Images of 8x8 pixels, each normal with mean 0.5 and variance 0.04.
//! let denoiser = GaussianOracle::new(vec![0.5; 64], vec![0.04; 64])?;
//! let schedule = ScheduleConfig::new(ScheduleName::Cosine).build()?;
//! let grid = sampling_grid(&schedule, TimestepSpacing::Trailing, 20, 0)?;
//! let start = TensorData::new(noise(0, Purpose::InitNoise, 0..16, 64), [16, 1, 8, 8]);
//! let start = Tensor::<4>::from_data(start, &Device::flex());
//! let images = draw_with(&DpmMultistep::new(2), &denoiser, &schedule, &grid, start, 0)?;
//! assert!((images.mean().into_scalar::<f32>() - 0.5).abs() < 0.05);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! From a model folder it takes one line: `model.sampler(DpmMultistep::new(2)).steps(10).draw(16)?`, see
//! [`SampleModel::sampler`]. Image k depends on (seed, k) alone, whatever the batch size or the count.
//!
//! # Where things are
//!
//! | module | what it holds |
//! |---|---|
//! | `sampler` | the seam: [`Sampler`], [`Trajectory`], [`StepInfo`], [`walk`] |
//! | [`methods`] | one sampler per file: [`Ddim`], [`DpmMultistep`], [`Heun`], ... |
//! | `registry` | [`SamplerKind`]: the samplers by name |
//! | `compat` | diffusers' samplers where they differ from the published methods: [`DiffusersForm`] |
//! | `grids` | the times at which a network is called: [`GridKind`], [`GridLayout`] |
//! | `plan` | from what is wanted to a sampler on a grid: [`SamplingRequest`], [`SamplingPlan`] |
//! | `analytic` | Gamma, which Analytic-DPM needs: [`GammaEstimate`], [`GammaTable`] |
//! | `draw` | images from a network: [`SamplerBuilder`], [`Draw`] |
//! | [`output`] | images in memory and in files: [`Images`], [`picture`], [`kept`] |
//! | `device_agreement` | whether a device computes what the CPU computes |
//! | [`cli`] | the program `sample`, and what other programs that draw share with it |

mod analytic;
mod class_names;
pub mod cli;
mod compat;
mod device_agreement;
mod draw;
mod error;
mod grids;
pub mod methods;
mod names;
pub mod output;
mod plan;
mod registry;
mod sampler;
#[cfg(test)]
mod testing;

pub use analytic::{
    GammaError, GammaEstimate, GammaSource, GammaTable, MakeDenoiser, model_sha256,
};
pub use class_names::{ClassError, ClassNames};
pub use compat::{
    DiffusersDdim, DiffusersForm, DiffusersMultistep, DiffusersSinglestep, diffusers_ddim_targets,
    diffusers_dpm_grid,
};
pub use device_agreement::{
    MATRIX_UNITS, ROUNDING, compare_with_cpu, largest, not_compared, relative_difference, verdict,
};
pub use draw::{
    Draw, DrawProgress, NoisePath, RESULTS_VERSION, SampleModel, SamplerBuilder, Start, StepNoise,
    quietly,
};
pub use error::{NoSignal, SampleError};
pub use grids::{
    DEFAULT_STEPS, GridKind, GridLayout, continuous_grid, end_at_first_time, listed_grid,
    multistep_grid, sampling_grid, student_grid,
};
pub use methods::{
    AdaptiveRungeKutta, AnalyticDpm, AnalyticStatistics, Ancestral, AngularDdim, Ddim,
    DpmMultistep, DpmSinglestep, Euler, Heun, Lms, OdeVariable, Rk4, SamplerEntry, SamplerOption,
    SamplerOptions, StepOrders, Tolerance,
};
pub use names::UnknownName;
pub use output::formats::{PictureFormat, check_ending};
pub use output::images::Images;
pub use output::places::{NamedPath, clash, place, writes_over};
pub use output::{kept, picture};
pub use plan::{PlanError, Planner, SamplingPlan, SamplingRequest};
pub use registry::SamplerKind;
pub use sampler::{Family, GridRule, Jump, Sampler, StepInfo, Trajectory, draw_with, walk};
