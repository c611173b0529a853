//! What can be wrong with a model on disk.

use std::path::{Path, PathBuf};

use halfstep_files::FileError;

/// An error about a model's configuration, weights or folder. Messages name the file or field and
/// say what to do; what lies beneath is their `source()` and not repeated in them.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file or folder that cannot be read or written, or is not what was written.
    #[error(transparent)]
    Files(#[from] FileError),
    /// A JSON file that does not parse.
    #[error("{}: not valid JSON for this file", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        source: serde_json::Error,
    },
    /// A field of a UNet configuration with a value that is wrong or not supported.
    #[error("UNet config: `{field}` {problem}")]
    Config {
        /// The field, in diffusers' spelling.
        field: &'static str,
        /// What is wrong and what is accepted.
        problem: String,
    },
    /// A weights file that does not fit the network.
    #[error("{}: {problem}", path.display())]
    Weights {
        /// The safetensors file.
        path: PathBuf,
        /// Which tensors are missing, left over or of the wrong shape.
        problem: String,
    },
    /// The device failed; what is on disk may be in order.
    #[error("the device failed: {problem}")]
    Device {
        /// What it said.
        problem: String,
    },
    /// A folder that is not a model.
    #[error("{}: {problem}", path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What is missing and what was expected.
        problem: String,
    },
    /// The noise schedule of a scheduler config cannot be built.
    #[error("{}: the noise schedule cannot be built", path.display())]
    Schedule {
        /// The file.
        path: PathBuf,
        /// The schedule's own error.
        source: halfstep_core::ScheduleError,
    },
}

impl ModelError {
    /// Names the path an I/O error belongs to.
    pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| FileError::io(path)(source).into()
    }

    pub(crate) fn json(path: &Path) -> impl FnOnce(serde_json::Error) -> Self + '_ {
        move |source| Self::Json { path: path.to_path_buf(), source }
    }

    pub(crate) fn config(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Config { field, problem: problem.into() }
    }
}
