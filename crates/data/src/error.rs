//! What can be wrong with data, said so that the reader knows which file it is and what to do.

use std::path::PathBuf;

use crate::paths::relative_to;

/// An error in reading, verifying or fetching data.
///
/// The message names the file, folder or setting and what to do about it; an underlying error is
/// the [`source`](std::error::Error::source), not a part of the message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was being done: "read", "create", ...
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The refusal.
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

    /// A file does not hold what its format asks for.
    #[error("{}: {problem}; {remedy}", path.display())]
    Malformed {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        remedy: &'static str,
    },

    /// A picture that cannot be decoded.
    #[error("{}: not a readable picture; replace it or take it out of the folder", path.display())]
    Picture {
        /// The picture.
        path: PathBuf,
        /// What the decoder says.
        source: image::ImageError,
    },

    /// A file of a published dataset is not the published one.
    #[error(
        "{}: not the published file: its sha256 is {found}, expected {expected}; delete it, and it is fetched again (or run {script})",
        path.display()
    )]
    WrongHash {
        /// The file.
        path: PathBuf,
        /// The published SHA-256, in hexadecimal.
        expected: &'static str,
        /// The file's own.
        found: String,
        /// The script that fetches the dataset.
        script: &'static str,
    },

    /// A download that failed, was cut, or brought something else.
    #[error("download of {url} failed: {problem}")]
    Download {
        /// What was asked for.
        url: String,
        /// What came instead.
        problem: String,
    },

    /// Two processes fetch into one folder.
    #[error(
        "{} is being filled by another process; wait until it is done, then run this again",
        dir.display()
    )]
    Busy {
        /// The folder.
        dir: PathBuf,
    },

    /// A published dataset is not on disk and could not be fetched.
    #[error(
        "{title} is not in {}{} (missing: {}) and could not be fetched; put the files there, or run {script} {}",
        dir.display(), relative_to(dir), missing.join(", "), dir.display()
    )]
    Unavailable {
        /// The dataset.
        title: &'static str,
        /// The folder where it is looked for.
        dir: PathBuf,
        /// The files that are not there.
        missing: Vec<String>,
        /// The script that fetches it, with other sources to choose from.
        script: &'static str,
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

    /// A value of the `[data]` section that cannot be.
    #[error("data.{field}: {problem}")]
    Config {
        /// The key.
        field: &'static str,
        /// What is wrong and what it can be.
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
