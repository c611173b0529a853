//! Why images cannot be written to a destination.

use std::path::PathBuf;

use crate::error::SampleError;

/// A destination that a drawing cannot use. Messages name the folder or file.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// A drawing of other settings left images.
    #[error("{} holds {images} drawn with other settings ({difference})", path.display())]
    Other {
        /// The folder or file.
        path: PathBuf,
        /// `1 image`, `30 images`.
        images: String,
        /// The difference: `seed: 0 -> 1`.
        difference: String,
    },
    /// The same drawing left more images than are asked for.
    #[error("{} already holds {images} of this drawing; only {count} were requested", path.display())]
    More {
        /// The folder or file.
        path: PathBuf,
        /// `1 image`, `30 images`.
        images: String,
        /// How many are asked for.
        count: u64,
    },
    /// Pictures without a drawing's record.
    #[error("{} holds pictures that `sample` did not write: {pictures}", dir.display())]
    Foreign {
        /// The folder.
        dir: PathBuf,
        /// `a.png and 29 more`
        pictures: String,
    },
    /// Another process is drawing here.
    #[error("{}: another program is writing to it", path.display())]
    InUse {
        /// The folder or file.
        path: PathBuf,
    },
    /// A file that cannot be read, written or removed.
    #[error(transparent)]
    File(#[from] SampleError),
}
