//! What can go wrong in a run.

use std::path::{Path, PathBuf};

/// An error of training or distillation. Messages name the field, file or step and what to do.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A field of the configuration.
    #[error("config: `{field}` {problem}")]
    Config {
        /// Dotted path of the field.
        field: &'static str,
        /// What is wrong and what is accepted.
        problem: String,
    },
    /// A configuration that does not parse.
    #[error("{origin}: {problem}")]
    Parse {
        /// The file or flag.
        origin: String,
        /// Line, column, reason, suggestion.
        problem: String,
    },
    /// The model.
    #[error(transparent)]
    Model(halfstep_model::ModelError),
    /// A device that cannot be had.
    #[error(transparent)]
    NoDevice(#[from] halfstep_model::DeviceError),
    /// The images.
    #[error(transparent)]
    Data(#[from] halfstep_data::DataError),
    /// Drawing.
    #[error(transparent)]
    Sample(#[from] halfstep_sample::SampleError),
    /// A file of the run folder.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why, and what to do.
        problem: String,
    },
    /// Training diverged.
    #[error(
        "{stage}: the loss or gradient is not finite at step {step}; the state of step {saved} is kept. \
         Lower the learning rate, or set grad_clip"
    )]
    Diverged {
        /// Teacher or round.
        stage: String,
        /// The step.
        step: u64,
        /// Last step whose state was saved.
        saved: u64,
    },
    /// A device whose kernels are made at run time and came out wrong.
    #[error("{0}\nTraining does not start; `--check-device` shows what was compared")]
    Disagrees(String),
    /// The device failed.
    #[error(
        "the device failed: {0}; the last saved state is kept, run the same command again to continue"
    )]
    Device(String),
}

/// A device that failed is one, whatever it was asked for.
impl From<halfstep_model::ModelError> for TrainError {
    fn from(error: halfstep_model::ModelError) -> Self {
        match error {
            halfstep_model::ModelError::Device { problem } => Self::Device(problem),
            error => Self::Model(error),
        }
    }
}

impl TrainError {
    pub(crate) fn config(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Config { field, problem: problem.into() }
    }

    pub(crate) fn file(path: &Path, problem: impl ToString) -> Self {
        Self::File { path: path.to_path_buf(), problem: problem.to_string() }
    }
}
