//! Errors of the report.

use std::path::{Path, PathBuf};

use halfstep_run::RunError;

/// An error while the report is made. The message names the file.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file of the run folder.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A file of the report that cannot be written.
    #[error(transparent)]
    File(#[from] halfstep_files::FileError),
    /// A folder of TensorBoard event files that cannot be written.
    #[error("{}: {error}", path.display())]
    Events {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
}

impl ReportError {
    /// For `map_err`: a folder of event files that cannot be written.
    pub(crate) fn events(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |error| Self::Events { path: path.to_path_buf(), error }
    }
}
