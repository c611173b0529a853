//! What a reader of a model folder should be told.

use std::fmt;
use std::path::PathBuf;

use crate::pipeline::ema_model::EmaModel;

/// Something about a folder that is in order, and that its user may not expect. Displayed, it continues a
/// sentence that begins with the folder's name.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelNote {
    /// No scheduler config: that of [`SchedulerConfig::ddpm`](crate::SchedulerConfig::ddpm) is taken.
    NoScheduler,
    /// A checkpoint within a pipeline: the pipeline's scheduler config is taken.
    SchedulerOf(PathBuf),
    /// Two networks, `unet` and `unet_ema`: one is taken.
    TwoNetworks {
        /// The folder of that which is taken.
        taken: PathBuf,
        /// The folder of the other.
        other: PathBuf,
    },
    /// The weights are a moving average.
    Average(EmaModel),
    /// The tensors are named through wrappers of PyTorch's.
    Wrapped {
        /// A name in the file.
        name: String,
        /// The same without the wrappers.
        plain: String,
    },
}

impl fmt::Display for ModelNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoScheduler => f.write_str(
                "has no scheduler_config.json; DDPM's is taken: epsilon at 1000 linear betas",
            ),
            Self::SchedulerOf(path) => {
                write!(f, "has no scheduler_config.json; {} is taken", path.display())
            }
            Self::TwoNetworks { taken, other } => write!(
                f,
                "holds two networks; {} is taken, and {} can be named instead",
                taken.display(),
                other.display()
            ),
            Self::Average(EmaModel { decay, optimization_step, .. }) => write!(
                f,
                "holds weights that EMAModel averaged over {optimization_step} {} with decay {decay}",
                if *optimization_step == 1 { "step" } else { "steps" }
            ),
            Self::Wrapped { name, plain } => {
                write!(
                    f,
                    "names its tensors through wrappers of PyTorch; `{name}` is read as `{plain}`"
                )
            }
        }
    }
}
