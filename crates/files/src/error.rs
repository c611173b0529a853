//! Errors of files and folders.

use std::path::{Path, PathBuf};

use crate::size::human_bytes;

/// An error about a file or folder. The message names the path; an underlying error is its `source()` and
/// is not repeated in the message.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system refused to read or write.
    #[error("cannot read or write {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file that cannot be written, or does not hold what was written.
    #[error("{}: {problem}", path.display())]
    Unusable {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// There is less room on a disk than the files need.
    #[error(
        "{}: needs {} on its disk, which has {} free",
        path.display(), human_bytes(*needed), human_bytes(*free)
    )]
    NoRoom {
        /// The first of the files and folders on that disk.
        path: PathBuf,
        /// Bytes that all of them need.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
}

impl FileError {
    /// For `map_err`: names the path that an I/O error belongs to.
    pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_path_buf(), source }
    }

    pub(crate) fn unusable(path: &Path, problem: impl Into<String>) -> Self {
        Self::Unusable { path: path.to_path_buf(), problem: problem.into() }
    }

    /// For `map_err`: a file that cannot be written.
    pub(crate) fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |error| Self::unusable(path, format!("cannot write: {error}"))
    }
}
