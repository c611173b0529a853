//! Why images cannot be kept at a place.

use std::path::PathBuf;

use crate::error::SampleError;

/// What stands in the way of a drawing. Messages name the place; which flag helps, the program says.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// A drawing of other settings left images.
    #[error("{} has {images} of another drawing ({difference})", path.display())]
    Other {
        /// The folder or file.
        path: PathBuf,
        /// `1 image`, `30 images`.
        images: String,
        /// What is different: `seed: 0 -> 1`.
        difference: String,
    },
    /// The same drawing left more images than are asked for.
    #[error("{} has {images} of this drawing, and {count} is asked for", path.display())]
    More {
        /// The folder or file.
        path: PathBuf,
        /// `1 image`, `30 images`.
        images: String,
        /// How many are asked for.
        count: u64,
    },
    /// Pictures that no record tells of.
    #[error("{} has pictures that no drawing left a record of: {pictures}", dir.display())]
    Foreign {
        /// The folder.
        dir: PathBuf,
        /// `a.png and 29 more`
        pictures: String,
    },
    /// Another process is drawing here.
    #[error("{}: another program is drawing to it right now", path.display())]
    InUse {
        /// The folder or file.
        path: PathBuf,
    },
    /// A file that cannot be read, written or removed.
    #[error(transparent)]
    File(#[from] SampleError),
}
