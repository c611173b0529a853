//! Samplers, drawing, and pictures.
//!
//! A [`Sampler`] walks from `z_T` to `z_0` over a grid of times and sees nothing but a
//! [`halfstep_core::Denoiser`]. [`Draw`] runs one over a network for as many images as wanted;
//! image k depends on (seed, k) alone. [`Images`] turns the result into pixels, and
//! [`picture`] and [`output`] into files. [`GammaTable`] is what Analytic-DPM has to know of a
//! network beforehand.

mod draw;
mod error;
mod gamma;
mod grid;
mod images;
pub mod output;
pub mod picture;
mod sampler;
mod samplers;
mod signals;

pub use draw::Draw;
pub use error::SampleError;
pub use gamma::{GammaError, GammaEstimate, GammaSource, GammaTable, MakeDenoiser, weights_sha256};
pub use grid::{sampling_grid, student_grid};
pub use images::Images;
pub use sampler::{Sampler, SamplerKind, SamplerOptions, StepInfo, Trajectory};
pub use samplers::{Ancestral, AngularDdim, Ddim};
pub use signals::StopFlag;
