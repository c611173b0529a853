//! What can be wrong with a Gamma table or its estimation.

use std::path::{Path, PathBuf};

use halfstep_model::ModelError;

use crate::error::SampleError;

/// An error about `gamma.json` or its making. Messages name the file, field or dataset and what to
/// do.
#[derive(Debug, thiserror::Error)]
pub enum GammaError {
    /// The table was never estimated.
    #[error(
        "{} is missing: Analytic-DPM needs to know how large the network's noise estimate is on \
         average. Estimate it once with `{command}`, DATASET being what the model was trained on: \
         digits, mnist, fashion_mnist, cifar10 or a folder of pictures",
        path.display()
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// What estimates it.
        command: String,
    },
    /// A file that is not a Gamma table.
    #[error("{}: not a Gamma table; estimate it again: `{command}`", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What estimates it.
        command: String,
        /// The field, line and column.
        source: serde_json::Error,
    },
    /// A field with a value that cannot be.
    #[error("{}: `{field}` {problem}; estimate it again: `{command}`", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The field.
        field: &'static str,
        /// What is wrong.
        problem: String,
        /// What estimates it.
        command: String,
    },
    /// A table of a network that is not this one.
    #[error("{} was estimated for other weights or another scheduler config; estimate again: `{command}`", path.display())]
    OtherWeights {
        /// The table.
        path: PathBuf,
        /// What estimates it.
        command: String,
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
    /// Too few images a time to say how good the estimate is.
    #[error("{found} images a time are too few: take at least {least}")]
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
        /// What it said.
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

/// The command that estimates the table of a model from M images a time.
pub(crate) fn command(model_dir: &Path, samples: usize) -> String {
    format!(
        "sample --model {} --estimate-gamma DATASET --gamma-samples {samples}",
        model_dir.display()
    )
}
