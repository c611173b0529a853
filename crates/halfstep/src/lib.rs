//! Train, progressively distil and sample diffusion models, on the CPU or any GPU.
//!
//! This crate is the whole library under one name. Its parts are crates of their own:
//!
//! | module | content |
//! |---|---|
//! | [`core`] | noise schedules, predictions, weightings, random streams, exact solutions |
//! | [`data`] | images to train on: datasets, folders of pictures, your own [`ImageSource`](data::ImageSource) |
//! | [`model`] | the UNet, the model folder (a diffusers pipeline), devices, your own [`Network`](model::Network) |
//! | [`train`] | objectives, the optimiser step, whole runs |
//! | [`sample`] | samplers, time grids, drawing, pictures |
//! | [`eval`] | FID, KID, precision and recall, likelihood |
//! | [`run`] and [`report`] | the files of a run folder, and the page made from them |
//!
//! Drawing takes ten lines:
//!
//! ```no_run
//! use halfstep::prelude::*;
//!
//! let model = ModelFolder::load("runs/digits/teacher", &Device::flex())?;
//! let images = model
//!     .sampler(DpmMultistep::new(2))
//!     .steps(10)
//!     .seed(0)
//!     .on_step(|step| println!("{} {:.3}", step.index, step.x0_mean()))
//!     .draw(16)?;
//! println!("{} images", images.len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod prelude;

pub use halfstep_core as core;
pub use halfstep_data as data;
pub use halfstep_model as model;
pub use halfstep_report as report;
pub use halfstep_run as run;

pub use halfstep_eval as eval;
pub use halfstep_sample as sample;
pub use halfstep_train as train;

/// The program in README.md compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
