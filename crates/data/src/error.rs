//! Errors of data. Each message names the file and the remedy.

use std::path::PathBuf;

use crate::paths::relative_to;
use crate::published::Origin;

/// An error in reading, verifying or fetching data.
///
/// The message names the file, folder or setting and the remedy. An underlying error is the
/// [`source`](std::error::Error::source) and no part of the message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The operating system refused an operation.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The operation, such as "read" or "create".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },

    /// A file that cannot be written, or is not what was written.
    #[error(transparent)]
    Files(#[from] halfstep_files::FileError),

    /// The folder of `data.dir` does not exist.
    #[error("data.dir: there is no folder {}{}", dir.display(), relative_to(dir))]
    NoFolder {
        /// The folder, as it was given.
        dir: PathBuf,
    },

    /// The content of a file or folder breaks its format.
    #[error("{}: {problem}; {remedy}", path.display())]
    Malformed {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// How to mend it.
        remedy: &'static str,
    },

    /// A picture that cannot be decoded.
    #[error("{}: not a readable picture; replace it or take it out of the folder", path.display())]
    Picture {
        /// The picture.
        path: PathBuf,
        /// The decoder's error.
        source: image::ImageError,
    },

    /// A file of a published dataset is not the published one.
    #[error(
        "{}: not the published file: its sha256 is {found}, expected {expected}; delete it, and it is fetched again",
        path.display()
    )]
    WrongHash {
        /// The file.
        path: PathBuf,
        /// The published SHA-256, in hexadecimal.
        expected: &'static str,
        /// The file's own.
        found: String,
        /// The name of the [`Release`](crate::Release).
        release: &'static str,
    },

    /// A download that failed, was cut off, or brought something else.
    #[error("download of {url} failed: {problem}")]
    Download {
        /// The address.
        url: String,
        /// What went wrong.
        problem: String,
    },

    /// Another process fetches into the same folder.
    #[error(
        "another process is fetching into {}; wait until it is done, then run the same command again",
        dir.display()
    )]
    Busy {
        /// The folder.
        dir: PathBuf,
    },

    /// A published dataset has no such origin.
    #[error("{title} cannot be fetched from {origin}, only from {}", listed(known))]
    NoOrigin {
        /// The dataset.
        title: &'static str,
        /// The origin asked for.
        origin: Origin,
        /// The origins it has.
        known: Vec<Origin>,
    },

    /// A published dataset is not on disk, and the official server did not help.
    #[error(
        "{title} is not in {}{} (missing: {}) and could not be fetched; put the files there{}",
        dir.display(), relative_to(dir), missing.join(", "), other_origins(others)
    )]
    Unavailable {
        /// The name of the [`Release`](crate::Release).
        release: &'static str,
        /// The dataset.
        title: &'static str,
        /// The folder that was searched.
        dir: PathBuf,
        /// The files that are not there.
        missing: Vec<String>,
        /// Other origins that it can be fetched from.
        others: Vec<Origin>,
        /// Why fetching failed.
        source: Box<DataError>,
    },

    /// Pixels, labels and shape that do not fit together.
    #[error("dataset {name}: {problem}")]
    Dataset {
        /// The dataset's name.
        name: String,
        /// What does not fit.
        problem: String,
    },

    /// An impossible value in the `[data]` section.
    #[error("data.{field}: {problem}")]
    Config {
        /// The key.
        field: &'static str,
        /// What is wrong, and the values that are right.
        problem: String,
    },
}

impl DataError {
    /// For `map_err`: an I/O error on `path` while doing `action`.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn download(url: &str, problem: impl ToString) -> Self {
        Self::Download { url: url.to_owned(), problem: problem.to_string() }
    }

    pub(crate) fn malformed(
        path: impl Into<PathBuf>,
        problem: impl Into<String>,
        remedy: &'static str,
    ) -> Self {
        Self::Malformed { path: path.into(), problem: problem.into(), remedy }
    }
}

fn listed(origins: &[Origin]) -> String {
    origins.iter().map(|origin| origin.name()).collect::<Vec<_>>().join(", ")
}

fn other_origins(origins: &[Origin]) -> String {
    match origins {
        [] => String::new(),
        origins => format!(", or fetch them from another origin ({})", listed(origins)),
    }
}
