//! Remarks about a model folder.

use std::fmt;
use std::path::PathBuf;

use crate::pipeline::ema_model::EmaModel;

/// A remark about a folder that is valid but may surprise its user. The text continues a sentence that begins
/// with the folder's name.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelNote {
    /// There is no scheduler config; [`SchedulerConfig::ddpm`](crate::SchedulerConfig::ddpm) is used.
    NoScheduler,
    /// The folder is a checkpoint in a pipeline; the pipeline's scheduler config is used.
    SchedulerOf(PathBuf),
    /// There are two networks, `unet` and `unet_ema`; one is used.
    TwoNetworks {
        /// The folder of the network that is used.
        taken: PathBuf,
        /// The folder of the other.
        other: PathBuf,
    },
    /// The weights are a moving average.
    Average(EmaModel),
    /// The names of tensors contain wrappers of PyTorch.
    Wrapped {
        /// A name in the file.
        name: String,
        /// The same name without the wrappers.
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
