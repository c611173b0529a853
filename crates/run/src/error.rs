//! Errors of a run folder's files.

use std::path::{Path, PathBuf};

/// An error about a file of a run folder. The message names the file.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The folder has no `config.toml`.
    #[error(
        "{}: no run folder: there is no config.toml in it (expected the folder that a training run writes into, \
         such as runs/NAME)",
        path.display()
    )]
    NotRunFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The system refused to read a file, or the file is not text.
    #[error("{}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: std::io::Error,
    },
    /// A file that cannot be written whole.
    #[error(transparent)]
    File(#[from] halfstep_files::FileError),
    /// The system refused to append to a file.
    #[error("{}: cannot write: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: std::io::Error,
    },
    /// `config.toml` does not parse.
    #[error("{}: damaged: {reason}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        reason: String,
    },
    /// A file of results does not parse.
    #[error("{}: damaged ({reason}); {remedy}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why it does not parse.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
}

impl RunError {
    /// For `map_err`: a file that cannot be read.
    pub(crate) fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |error| Self::Read { path: path.to_path_buf(), error }
    }

    /// For `map_err`: a file that cannot be written.
    pub(crate) fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |error| Self::Write { path: path.to_path_buf(), error }
    }
}
