//! Errors of models and model folders.

use std::path::{Path, PathBuf};

use halfstep_files::FileError;

use crate::class_input::LabelError;

/// An error about a model's configuration, weights or folder. Messages name the file or field and the
/// remedy; an underlying error is the `source()` and is not repeated in the message.
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
    /// A field of a UNet configuration whose value is wrong or not supported.
    #[error("UNet config: `{field}` {problem}")]
    Config {
        /// The field, in diffusers' spelling.
        field: &'static str,
        /// What is wrong and what is accepted.
        problem: String,
    },
    /// A network without an image size, which cannot draw.
    #[error("the network's config.json has no `sample_size`, so the image size is unknown")]
    NoImageSize,
    /// A network whose output is no image of its input's channels.
    #[error(
        "the network takes {input} channels and gives {output}; only image-to-image channels can be sampled"
    )]
    ImageChannels {
        /// Channels of the input.
        input: usize,
        /// Channels of the output.
        output: usize,
    },
    /// Class labels that do not fit the network.
    #[error(transparent)]
    Labels(#[from] LabelError),
    /// A weights file that does not fit the network.
    #[error("{}: {problem}", path.display())]
    Weights {
        /// The safetensors file.
        path: PathBuf,
        /// Which tensors are missing, left over or of the wrong shape.
        problem: String,
    },
    /// The device failed; the files may be in order.
    #[error("the device failed: {problem}")]
    Device {
        /// The error of the device, in one line.
        problem: String,
    },
    /// A folder, or a file in it, that is no model.
    #[error("{}: {problem}", path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What is missing and what was expected.
        problem: String,
    },
    /// A solver option of a scheduler config that no sampler here supports.
    #[error("{}: `{field}` is {value}; only {supported} is supported", path.display())]
    SolverOption {
        /// The scheduler config.
        path: PathBuf,
        /// The field, in diffusers' spelling.
        field: &'static str,
        /// Its value.
        value: String,
        /// The values that are supported.
        supported: &'static str,
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
    /// For `map_err`: names the path that an I/O error belongs to.
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
