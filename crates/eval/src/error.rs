//! Errors of this crate: fields and causes, without the name of any program or flag.

use std::fmt;
use std::path::{Path, PathBuf};

use halfstep_core::counted;
use halfstep_data::DataError;
use halfstep_model::ModelError;
use halfstep_sample::{GammaError, PlanError, SampleError, SamplerKind};

/// An error of an evaluation. Each message names the file, model or image set at fault.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// A feature network or its weights cannot be used.
    #[error("{}: {problem}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is missing, unreadable or of the wrong shape.
        problem: String,
    },
    /// Images or published statistics cannot be read.
    #[error("{}: {problem}", path.display())]
    Images {
        /// The file, the folder, or the name of a set in memory.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A dataset, or a picture of a folder, cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A model folder cannot be read.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Sampling failed.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// Analytic-DPM's statistics of a model are missing or belong to other weights.
    #[error(transparent)]
    Gamma(#[from] GammaError),
    /// A model is readable, but this evaluation cannot use it, or not in this way.
    #[error("{}: {problem}", dir.display())]
    Unsuitable {
        /// The model folder.
        dir: PathBuf,
        /// Why.
        problem: UnsuitableModel,
    },
    /// A model cannot be sampled as requested.
    #[error("{} cannot be sampled as requested", dir.display())]
    Plan {
        /// The model folder.
        dir: PathBuf,
        /// The requested sampler; `None` for the model's own.
        sampler: Option<SamplerKind>,
        /// The requested steps; `None` for the model's own.
        steps: Option<usize>,
        /// Why not.
        source: Box<PlanError>,
    },
    /// Images cannot be compared pixel by pixel.
    #[error(
        "{problem}; pixels are compared only between images of one size, of at most {most} values each"
    )]
    Pixels {
        /// Which images, and what is wrong with them.
        problem: String,
        /// Largest number of values per image.
        most: usize,
    },
    /// Two image sets have different sizes, or one of them has several, and no network resizes them.
    #[error(
        "{real} has images of {real_sizes}, {generated} has images of {generated_sizes}: their pixels cannot be compared"
    )]
    SizesDiffer {
        /// Name of the generated images.
        generated: String,
        /// Their sizes, in words.
        generated_sizes: String,
        /// Name of the real images.
        real: String,
        /// Their sizes, in words.
        real_sizes: String,
        /// Whether one side is a folder that could be read at the size of the other
        /// ([`ImageSet::as_trained_on`](crate::ImageSet::as_trained_on)).
        resizable: bool,
    },
    /// A network takes grey images, and some images have colours.
    #[error("{network} takes grey images, but some images have colours")]
    Coloured {
        /// The network.
        network: String,
    },
    /// A metric needs more samples.
    #[error("{metric} needs at least {needed} samples on each side; there are {found}")]
    TooFew {
        /// The metric.
        metric: &'static str,
        /// The least number of samples.
        needed: usize,
        /// Samples of the smaller side.
        found: usize,
    },
    /// A side has too few images for any metric.
    #[error("every distance needs at least {needed} images per side; {side} has {}", counted(*found, "image"))]
    TooFewImages {
        /// The least number of images.
        needed: usize,
        /// The smaller side.
        side: ComparedSide,
        /// Its images.
        found: usize,
    },
    /// Features of two different networks were combined.
    #[error(
        "the two sides have {0} and {1} features per sample: they come from different networks"
    )]
    Dimensions(usize, usize),
    /// Published statistics were given, and features are pixels.
    #[error(
        "published statistics describe a network's features; they cannot be compared with pixels"
    )]
    StatisticsOfPixels,
    /// Published statistics have another number of features than the extractor.
    #[error(
        "the statistics have {found} features, the network computes {needed}: they come from another network"
    )]
    StatisticsDimension {
        /// Features of the statistics.
        found: usize,
        /// Features of the extractor.
        needed: usize,
    },
    /// Features, statistics or predictions contain NaN or infinity.
    #[error("{0} contain NaN or infinity")]
    NotFinite(&'static str),
    /// A matrix that was published as a covariance is not one.
    #[error(
        "`sigma` is not a covariance matrix: {0}; compute the statistics again with numpy.cov(features, rowvar=False)"
    )]
    NotACovariance(String),
    /// An intermediate result cannot be written to the cache.
    #[error("cannot store an intermediate result")]
    Cache(#[source] halfstep_files::FileError),
    /// The caller stopped the evaluation.
    #[error("stopped")]
    Stopped,
    /// The device failed.
    #[error("the device failed: {0}")]
    Device(String),
}

/// One of the two sides of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComparedSide {
    /// The images to be scored.
    Generated,
    /// The images that they are compared with.
    Real,
}

impl fmt::Display for ComparedSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Generated => "the generated side",
            Self::Real => "the real side",
        })
    }
}

/// Why a model cannot be evaluated in the requested way.
#[derive(Debug, thiserror::Error)]
pub enum UnsuitableModel {
    /// Its network does not state the size of its images.
    #[error("the network's config.json has no `sample_size`")]
    NoSampleSize,
    /// Its network takes any number as a class, so there is no list of classes to sample.
    #[error("the network takes any number as a class, so there is no list of classes to sample")]
    AnyClass,
    /// Its scheduler is not plain DDIM on trailing timesteps.
    #[error(
        "its scheduler config needs more than plain DDIM (clipping, thresholding, other timesteps or \
         another solver)"
    )]
    Scheduler,
    /// Its images are neither grey nor RGB.
    #[error("its images have {}; grey (1) and RGB (3) images can be evaluated", counted(*.0, "channel"))]
    Channels(usize),
    /// No grid of this many steps exists.
    #[error("{steps} steps: {problem}")]
    Steps {
        /// The requested steps.
        steps: usize,
        /// Why they are impossible.
        problem: String,
    },
    /// A student has no likelihood: it knows only the timesteps of its own grid.
    #[error("it is a student, which knows only the timesteps of its own grid")]
    StudentLikelihood,
    /// The network predicts epsilon and the schedule ends in pure noise.
    #[error(
        "the network predicts epsilon and starts from pure noise, where epsilon does not determine the \
         image; likelihoods need a model that predicts v or x0, or a schedule that ends earlier"
    )]
    EpsilonOfNoise,
    /// The images have another shape than the model's.
    #[error("{dataset} has images of {shape:?}, the model's have {channels} channels of {sides:?}")]
    ImageShape {
        /// The dataset.
        dataset: String,
        /// C, H, W of its images.
        shape: [usize; 3],
        /// The model's channels.
        channels: usize,
        /// The model's height and width, if it states them.
        sides: Option<[usize; 2]>,
    },
    /// The model needs classes, and the dataset has none.
    #[error("{dataset} has no classes, but the model needs them")]
    NoClasses {
        /// The dataset.
        dataset: String,
    },
}

impl EvalError {
    pub(crate) fn images(path: &Path, problem: impl ToString) -> Self {
        Self::Images { path: path.to_path_buf(), problem: problem.to_string() }
    }

    pub(crate) fn device(error: impl fmt::Display) -> Self {
        Self::Device(halfstep_model::device_problem(&error))
    }

    pub(crate) fn unsuitable(dir: &Path, problem: UnsuitableModel) -> Self {
        Self::Unsuitable { dir: dir.to_path_buf(), problem }
    }
}
