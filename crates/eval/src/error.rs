//! What can be wrong with features, statistics and the network that makes them.

use std::path::{Path, PathBuf};

use crate::features::pixels::MOST_PIXELS;

/// An error of this crate. Messages say what to do.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// The weights of the network.
    #[error("{}: {problem}", path.display())]
    Weights {
        /// The safetensors file.
        path: PathBuf,
        /// What is missing or of the wrong shape.
        problem: String,
    },
    /// Images or statistics that cannot be read.
    #[error("{}: {problem}", path.display())]
    Pictures {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// A folder of pictures, or one of them, that cannot be read.
    #[error(transparent)]
    Data(#[from] halfstep_data::DataError),
    /// Images whose pixels cannot be compared one by one.
    #[error(
        "{0}; pixels can be compared only of images of one size, of at most {MOST_PIXELS} values each"
    )]
    Pixels(String),
    /// Too few samples for a measure.
    #[error("{measure} needs at least {needed} samples on each side; there are {found}")]
    TooFew {
        /// Which measure.
        measure: &'static str,
        /// How many it takes.
        needed: usize,
        /// How many there are on the smaller side.
        found: usize,
    },
    /// Two sides that were not made by the same network.
    #[error("the two sides have {0} and {1} features a sample: they are not of the same network")]
    Dimensions(usize, usize),
    /// NaN or infinity in features or statistics.
    #[error("{0} hold NaN or infinity")]
    NotFinite(&'static str),
    /// Published statistics that no samples have.
    #[error(
        "`sigma` is no covariance: {0}; make the statistics again, with numpy.cov(features, rowvar=False)"
    )]
    NoCovariance(String),
    /// The caller asked for it.
    #[error("stopped")]
    Stopped,
    /// The device failed.
    #[error("the device failed: {0}")]
    Device(String),
}

impl EvalError {
    pub(crate) fn pictures(path: &Path, problem: impl ToString) -> Self {
        Self::Pictures { path: path.to_path_buf(), problem: problem.to_string() }
    }
}
