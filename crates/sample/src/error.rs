//! What can go wrong while drawing.

use std::path::PathBuf;

use halfstep_core::counted;

/// An error while sampling or writing pictures. Messages name the flag or file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The model.
    #[error(transparent)]
    Model(#[from] halfstep_model::ModelError),
    /// The times.
    #[error(transparent)]
    Timesteps(#[from] halfstep_core::TimestepError),
    /// A list of times that is no grid.
    #[error("the list of times {0}")]
    Grid(String),
    /// A grid that begins where a model's images are nearly clean.
    #[error(
        "the steps start at t = {first} of 0 to {last}, where an image has little noise left, and drawing \
         starts from pure noise"
    )]
    Start {
        /// The first time.
        first: usize,
        /// T - 1.
        last: usize,
    },
    /// A grid of one point.
    #[error("there is no step between the first time and t = 0, where this model is to end")]
    NoStep,
    /// The grid starts at pure noise, and the method or the network needs some signal.
    #[error("the grid starts at zero signal (alpha = 0), where {what}; {instead}")]
    NoSignal {
        /// Why.
        what: &'static str,
        /// What to do.
        instead: &'static str,
    },
    /// The sampler cannot do without Gamma.
    #[error(
        "{sampler} needs the model's Gamma statistics; estimate them first: \
         sample --model DIR --estimate-gamma DATASET --gamma-samples 256"
    )]
    NeedsGamma {
        /// The sampler.
        sampler: &'static str,
    },
    /// An adaptive sampler that does not get there.
    #[error(
        "{sampler} took {steps} steps without arriving; give it larger --rtol and --atol, or use \
         another sampler"
    )]
    TooManySteps {
        /// The sampler.
        sampler: &'static str,
        /// How many it took.
        steps: usize,
    },
    /// Whoever watches the drawing asked it to stop.
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
    /// A device that computes something else than the CPU.
    #[error(
        "{device} does not compute what the CPU computes: a network's {what} differ by {difference:.1e} of the \
         largest; mend its driver, build without `fusion` and `autotune` if they are compiled in, or use \
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
        "images of {0} channels cannot be written as PNG; 1 to 4 (grey, RGB, either with alpha) can. `--raw` takes any"
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

impl SampleError {
    pub(crate) fn device(error: impl std::fmt::Display) -> Self {
        Self::Device(halfstep_model::device_problem(&error))
    }

    pub(crate) fn file(path: &std::path::Path, problem: impl ToString) -> Self {
        Self::File { path: path.to_path_buf(), problem: problem.to_string() }
    }
}
