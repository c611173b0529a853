//! Errors of drawing and of writing images.

use std::path::PathBuf;

use halfstep_core::counted;

/// An error while sampling or writing pictures. The command line's advice is not part of it: the module `cli`
/// adds that.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The model.
    #[error(transparent)]
    Model(#[from] halfstep_model::ModelError),
    /// The times.
    #[error(transparent)]
    Timesteps(#[from] halfstep_core::TimestepError),
    /// A scheduler config that chooses a solver which is not here.
    #[error("{}: asks for {solver}, which is not supported", path.display())]
    UnknownSolver {
        /// The config.
        path: PathBuf,
        /// What it asks for.
        solver: String,
    },
    /// A list of times that is no grid.
    #[error("the list of times {0}")]
    Grid(String),
    /// A grid that begins where images have little noise left.
    #[error(
        "the first step is at t = {first} (of 0 to {last}), but sampling starts from pure noise; the first time must \
         lie in the noisier half"
    )]
    Start {
        /// The first time.
        first: usize,
        /// T - 1.
        last: usize,
    },
    /// A grid of one point.
    #[error("the grid needs at least one step before t = 0, where this model's schedule ends")]
    NoStep,
    /// The grid starts at pure noise, and the method or the network needs some signal.
    #[error("the grid starts at zero signal (alpha = 0), where {0}")]
    NoSignal(NoSignal),
    /// The sampler cannot do without Gamma.
    #[error("{sampler} needs the model's Gamma statistics, which were not given")]
    NeedsGamma {
        /// The sampler.
        sampler: &'static str,
    },
    /// An adaptive sampler that does not reach the end.
    #[error("{sampler} did not finish within {steps} steps")]
    TooManySteps {
        /// The sampler.
        sampler: &'static str,
        /// How many it took.
        steps: usize,
    },
    /// A progress callback asked for the stop.
    #[error("stopped before the images were finished")]
    Stopped,
    /// NaN or infinity.
    #[error(
        "{sampler}: step {step} produced values that are not finite; the model may have diverged in \
         training (look at the loss in metrics.jsonl), or the steps are too long for this sampler: \
         try more of them, or another one"
    )]
    NotFinite {
        /// The sampler.
        sampler: &'static str,
        /// 1-based.
        step: usize,
    },
    /// Reading the result from the device failed.
    #[error("the device failed while drawing: {0}")]
    Device(String),
    /// A device whose results differ from the CPU's.
    #[error(
        "{device} does not compute what the CPU computes: a network's {what} differ by {difference:.1e} of the \
         largest; update its driver, build without `fusion` and `autotune` if they are compiled in, or use \
         another device"
    )]
    Disagrees {
        /// The device.
        device: String,
        /// What was compared.
        what: &'static str,
        /// The largest difference over the largest value.
        difference: f64,
    },
    /// A picture of this many channels cannot be written.
    #[error(
        "images with {0} channels cannot be written as PNG (1 to 4 can: grey, RGB, either with alpha)"
    )]
    Channels(usize),
    /// A picture of many images that is larger than its format or memory allows.
    #[error(
        "a grid of {columns}x{rows} images is a picture of {width}x{height} pixels, too large to be \
         written; take fewer of them or a smaller scale"
    )]
    GridTooLarge {
        /// Images per row.
        columns: usize,
        /// Rows.
        rows: usize,
        /// Pixels.
        width: u64,
        /// Pixels.
        height: u64,
    },
    /// A picture of many cells that is larger than its format or memory allows.
    #[error(
        "a table of {} and {} is a picture of {width}x{height} pixels, too large to be written; take fewer of \
         them, or a .png, whose sides may be longer than those of a .jpg",
        counted(*rows, "row"), counted(*columns, "column")
    )]
    TableTooLarge {
        /// Numbers of steps.
        columns: usize,
        /// Samplers and students.
        rows: usize,
        /// Pixels.
        width: u64,
        /// Pixels.
        height: u64,
    },
    /// A file that cannot be written, or is not what was written.
    #[error(transparent)]
    Files(#[from] halfstep_files::FileError),
    /// A file that cannot be read or written.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

/// Why a method cannot start at pure noise (alpha = 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSignal {
    /// The network predicts eps, which is z itself at pure noise.
    #[error("an eps-prediction does not determine the image")]
    EpsPrediction,
    /// The method's formulas divide by alpha.
    #[error("{infinite} is infinite")]
    Method {
        /// The sampler.
        sampler: &'static str,
        /// What has no value at alpha = 0, such as `lambda`.
        infinite: &'static str,
    },
    /// The ODE was asked to be solved in a variable that is infinite there.
    #[error("sigma / alpha and lambda are infinite")]
    Variable,
}

impl From<NoSignal> for SampleError {
    fn from(reason: NoSignal) -> Self {
        Self::NoSignal(reason)
    }
}

impl SampleError {
    pub(crate) fn device(error: impl std::fmt::Display) -> Self {
        Self::Device(halfstep_model::device_problem(&error))
    }

    pub(crate) fn file(path: &std::path::Path, problem: impl ToString) -> Self {
        Self::File { path: path.to_path_buf(), problem: problem.to_string() }
    }
}
