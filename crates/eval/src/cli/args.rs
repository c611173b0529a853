//! The command line.

use std::path::PathBuf;

use clap::{ArgGroup, Parser, ValueEnum};
use clap_complete::Shell;
use halfstep_data::Split;
use halfstep_model::DeviceChoice;
use halfstep_sample::cli::sampler_arg;
use halfstep_sample::{SamplerKind, device_arg, name_or_path_arg, path_arg};

/// Measure generated images against real ones: FID, KID, precision and recall, Inception score; what a
/// model's likelihood is; and how quality falls with the number of steps.
///
/// Without the weights of FID's Inception network (--inception) there is no FID; small images are then
/// compared pixel by pixel, or by a network of yours (--features), and what is printed says so.
#[derive(Debug, Parser)]
#[command(name = "eval", version, after_help = EXAMPLES)]
#[command(group = ArgGroup::new("measured").required(true).args(["samples", "model", "sweep"]))]
pub struct Args {
    /// Generated images: a folder of pictures (PNG, JPEG, WebP, BMP, PNM), or an npz file (uint8 NHWC as
    /// `arr_0`)
    #[arg(long, value_name = "SET", value_parser = path_arg())]
    pub samples: Option<PathBuf>,

    /// Draw the generated images from this model folder; image k starts from the noise of (--seed, k)
    #[arg(long, value_name = "DIR", value_parser = path_arg())]
    pub model: Option<PathBuf>,

    /// Measure a whole run, teacher and students: quality against steps, into its report
    #[arg(long, value_name = "RUN", value_parser = path_arg())]
    pub sweep: Option<PathBuf>,

    /// Measure the likelihood that --model gives to the images of --reference, in bits per dimension
    #[arg(long, value_name = "HOW", requires = "model", conflicts_with_all = ["samples", "sweep"])]
    pub likelihood: Option<Likelihood>,

    /// Sampler for --model [default: ddim]
    // clap drops a `requires` whose flag cannot be there: what does not go together is said as well.
    #[arg(long, value_name = "NAME", value_parser = sampler_arg(), requires = "model", conflicts_with_all = ["likelihood", "samples", "sweep"])]
    pub sampler: Option<SamplerKind>,

    /// Steps for --model [default: the student's own, 50 for other models; for --likelihood see there]
    #[arg(long, value_name = "N", requires = "model", conflicts_with_all = ["samples", "sweep"],
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub steps: Option<u32>,

    /// What --sweep draws the teacher with
    /// [default: ddim, dpm-solver++-2m, and analytic-ddim once Gamma is estimated]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = sampler_arg(), requires = "sweep",
        conflicts_with_all = ["samples", "model"])]
    pub samplers: Vec<SamplerKind>,

    /// Steps of the teacher in --sweep [default: those of its students, and of its full grid with ddim]
    #[arg(long, value_name = "N,...", value_delimiter = ',', requires = "sweep",
        conflicts_with_all = ["samples", "model"],
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub sweep_steps: Vec<u32>,

    /// Seed of the noise that images are drawn from
    #[arg(long, default_value_t = 0)]
    pub seed: u64,

    /// Real images: digits, mnist, fashion_mnist or cifar10, a folder, an npz file, or an npz file with
    /// the statistics `mu` and `sigma` that FID's tools publish [default for --sweep: what the run was
    /// trained on]
    #[arg(long, value_name = "SET", required_unless_present = "sweep", value_parser = name_or_path_arg())]
    pub reference: Option<String>,

    /// Where a published dataset lies, if not at its usual place
    #[arg(long, value_name = "DIR", value_parser = path_arg())]
    pub data_dir: Option<PathBuf>,

    /// Images of a published dataset that were for training or held back [default: train; test for
    /// --likelihood]
    #[arg(long, value_name = "train|test")]
    pub split: Option<Half>,

    /// Generated images, evenly taken from --samples [default: all of --samples; 10000 for --model, 2000 for
    /// each of --sweep; 100 for --likelihood]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub count: Option<u32>,

    /// Real images, evenly taken from --reference [default: all]
    #[arg(long, value_name = "N", conflicts_with = "likelihood",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub reference_count: Option<u32>,

    /// Read a folder of pictures as training does: of each the central square, resized to the size of the
    /// images on the other side (what --model draws, a dataset's, those of --samples)
    #[arg(long, conflicts_with = "likelihood")]
    pub as_trained: bool,

    /// FID's Inception network: the file pt_inception-2015-12-05-6726825d.pth, the same as safetensors, or
    /// `download` for the published file, 96 MB, verified by its hash and kept
    #[arg(long, value_name = "FILE|download", conflicts_with = "likelihood", value_parser = path_arg())]
    pub inception: Option<PathBuf>,

    /// A network of yours: a JSON file that lists its layers and names its weights (see docs/eval.md)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["inception", "likelihood"], value_parser = path_arg())]
    pub features: Option<PathBuf>,

    /// Write the numbers as JSON too
    #[arg(long, value_name = "FILE", value_parser = path_arg())]
    pub json: Option<PathBuf>,

    /// Where drawn images, features and likelihoods are kept, to go on after a stop and not to be made twice; may be
    /// deleted [default: halfstep/eval in your cache folder]
    #[arg(long, value_name = "DIR", value_parser = path_arg())]
    pub cache: Option<PathBuf>,

    /// Images at once: memory and speed, never results. Likelihoods are kept in batches of this size
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    pub batch_size: u32,

    /// auto, cpu, wgpu, vulkan, metal, cuda, rocm or ndarray; one of several GPUs by its number, such as
    /// cuda:1; `list` prints all that there are and does nothing else
    #[arg(long, default_value_t, value_parser = device_arg)]
    pub device: DeviceChoice,

    /// Print completions for this shell and do nothing else
    #[arg(long, value_name = "SHELL", exclusive = true)]
    pub completions: Option<Shell>,
}

/// A split of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Half {
    /// The images to learn from
    Train,
    /// The images held back
    Test,
}

impl From<Half> for Split {
    fn from(half: Half) -> Self {
        match half {
            Half::Train => Self::Train,
            Half::Test => Self::Test,
        }
    }
}

/// How a likelihood is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Likelihood {
    /// The variational bound of --steps steps: with Analytic-DPM's variances on its trajectory, and with
    /// measured errors in place of both; needs Gamma (`sample --estimate-gamma`) [default: 128 steps]
    Bound,
    /// By the probability-flow ODE, in --steps steps of Runge and Kutta's [default: 64 steps]
    Ode,
}

const EXAMPLES: &str = "Examples:
  eval --model runs/cifar/students/0004 --reference cifar10 --count 50000 --inception download
  eval --samples samples.npz --reference cifar10_stats.npz --inception inception.safetensors
  eval --model runs/digits/students/0004 --reference digits --count 1797
  eval --sweep runs/digits
  eval --model runs/digits/teacher --likelihood ode --reference digits

Exit codes: 0 done, 1 an error, 2 a mistake on the command line, 130 or 143 stopped by a signal";

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        super::Args::command().debug_assert();
    }
}
