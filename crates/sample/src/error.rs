//! What can go wrong while drawing.

use std::path::PathBuf;

/// An error while sampling or writing pictures. Messages name the flag or file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The model.
    #[error(transparent)]
    Model(#[from] halfstep_model::ModelError),
    /// The times.
    #[error(transparent)]
    Timesteps(#[from] halfstep_core::TimestepError),
    /// A network that predicts eps says nothing about the image where there is only noise.
    #[error(
        "the grid starts at zero signal (alpha = 0), where an eps-prediction model does not determine \
         the image; use `--spacing leading`, or a v- or x0-prediction model"
    )]
    NoSignal,
    /// NaN or infinity.
    #[error("{sampler}: step {step} of {num_steps} produced values that are not finite; {advice}")]
    NotFinite {
        /// The sampler.
        sampler: &'static str,
        /// 1-based.
        step: usize,
        /// Steps in all.
        num_steps: usize,
        /// What to try.
        advice: &'static str,
    },
    /// Reading the result from the device failed.
    #[error("the device failed while drawing: {0}")]
    Device(String),
    /// A picture of this many channels cannot be written.
    #[error(
        "images of {0} channels cannot be written as PNG; 1 (grey) and 3 (RGB) can. `--raw` takes any"
    )]
    Channels(usize),
    /// A file that cannot be read or written.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

impl SampleError {
    pub(crate) fn file(path: &std::path::Path, problem: impl ToString) -> Self {
        Self::File { path: path.to_path_buf(), problem: problem.to_string() }
    }
}
