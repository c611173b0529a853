//! Errors of Gamma tables and of their estimation.

use std::path::PathBuf;

use halfstep_model::ModelError;

use crate::error::SampleError;

/// An error about `gamma.json` or its making. Messages name the file, field or dataset.
#[derive(Debug, thiserror::Error)]
pub enum GammaError {
    /// The table was never estimated.
    #[error(
        "{} is missing: Analytic-DPM needs the mean square of the network's noise prediction (Gamma)",
        path.display()
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file that is not a Gamma table.
    #[error("{}: not a Gamma table", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The field, line and column.
        source: serde_json::Error,
    },
    /// A field with a value that cannot be.
    #[error("{}: `{field}` {problem}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The field.
        field: &'static str,
        /// What is wrong.
        problem: String,
        /// Images per time that the table was estimated from.
        samples: usize,
    },
    /// A table of a network that is not this one.
    #[error("{} was estimated for other weights or another scheduler config", path.display())]
    OtherWeights {
        /// The table.
        path: PathBuf,
        /// Images per time that it was estimated from.
        samples: usize,
    },
    /// An unfinished estimate that cannot be continued.
    #[error(
        "{} is an unfinished estimate that this one cannot continue: {problem}. Continue it with the \
         settings it was started with, or delete it",
        path.display()
    )]
    Partial {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, or what differs.
        problem: String,
    },
    /// Images that the network does not take.
    #[error(
        "dataset {dataset} has images of {found:?}, the model draws {expected:?} (channels, height, \
         width)"
    )]
    Shape {
        /// The dataset's name.
        dataset: String,
        /// C, H, W of its images.
        found: [usize; 3],
        /// C, H, W of the network.
        expected: [usize; 3],
    },
    /// A class-conditional network and images of other classes.
    #[error(
        "dataset {dataset} has {} classes, the model has {expected}; a class-conditional model needs \
         the dataset it was trained on",
        found.unwrap_or(0)
    )]
    Classes {
        /// The dataset's name.
        dataset: String,
        /// Its number of classes, if any.
        found: Option<usize>,
        /// The network's.
        expected: usize,
    },
    /// Too few images per time to tell the estimate's standard error.
    #[error("{found} images per time are too few; use at least {least}")]
    Samples {
        /// Images asked for.
        found: usize,
        /// The fewest.
        least: usize,
    },
    /// NaN or infinity.
    #[error(
        "the network's noise estimate is not finite at time {t}; the model may have diverged in \
         training"
    )]
    NotFinite {
        /// The discrete time.
        t: usize,
    },
    /// Reading from the device failed.
    #[error("the device failed at time {t}: {problem}")]
    Device {
        /// The discrete time.
        t: usize,
        /// The device's message.
        problem: String,
    },
    /// A file that cannot be read.
    #[error(transparent)]
    File(#[from] SampleError),
    /// A file that cannot be written.
    #[error(transparent)]
    Files(#[from] halfstep_files::FileError),
    /// The network.
    #[error(transparent)]
    Model(#[from] ModelError),
}
