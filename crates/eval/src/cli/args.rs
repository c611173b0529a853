//! The command line.

use std::path::PathBuf;

use clap::{ArgGroup, Parser, ValueEnum};
use clap_complete::Shell;
use halfstep_data::Split;
use halfstep_model::DeviceChoice;
use halfstep_sample::SamplerKind;
use halfstep_terminal::{name_or_path_arg, path_arg};

/// Measure generated images against real ones (FID, KID, precision and recall, Inception score), a model's
/// likelihood, or how quality depends on the number of steps.
///
/// FID needs the weights of its Inception network (--inception). Without them, small images are compared pixel by
/// pixel, or with a network of your own (--features); the printed names say which.
#[derive(Debug, Parser)]
#[command(name = "eval", version, after_help = EXAMPLES)]
#[command(group = ArgGroup::new("measured").required(true).args(["samples", "model", "sweep"]))]
pub struct Args {
    /// Generated images: a folder of pictures (PNG, JPEG, WebP, BMP, PNM), or an npz file (uint8 NHWC as
    /// `arr_0`)
    #[arg(long, value_name = "SET", value_parser = path_arg())]
    pub samples: Option<PathBuf>,

    /// Model folder to sample the generated images from; image k starts from the noise of (--seed, k)
    #[arg(long, value_name = "DIR", value_parser = path_arg())]
    pub model: Option<PathBuf>,

    /// Run folder: measure its teacher and all its students, and add quality against steps to its report
    #[arg(long, value_name = "RUN", value_parser = path_arg())]
    pub sweep: Option<PathBuf>,

    /// Measure the likelihood that --model gives to the images of --reference, in bits per dimension
    #[arg(long, value_name = "HOW", requires = "model", conflicts_with_all = ["samples", "sweep"])]
    pub likelihood: Option<LikelihoodMethod>,

    /// Sampler for --model [default: ddim]
    // clap ignores a `requires` whose flag cannot be present, so conflicts are listed as well.
    #[arg(long, value_name = "NAME", requires = "model", conflicts_with_all = ["likelihood", "samples", "sweep"])]
    pub sampler: Option<SamplerKind>,

    /// Steps for --model [default: a student's own steps, 50 for other models; see --likelihood for its defaults]
    #[arg(long, value_name = "N", requires = "model", conflicts_with_all = ["samples", "sweep"],
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub steps: Option<u32>,

    /// Samplers for the teacher in --sweep
    /// [default: ddim, dpm-solver++-2m, and analytic-ddim once Gamma is estimated]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', requires = "sweep",
        conflicts_with_all = ["samples", "model"])]
    pub samplers: Vec<SamplerKind>,

    /// Steps of the teacher in --sweep [default: those of its students; the full grid with ddim is always added]
    #[arg(long, value_name = "N,...", value_delimiter = ',', requires = "sweep",
        conflicts_with_all = ["samples", "model"],
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub sweep_steps: Vec<u32>,

    /// Seed of the noise that images are sampled from
    #[arg(long, default_value_t = 0)]
    pub seed: u64,

    /// Real images: digits, mnist, fashion_mnist or cifar10, a folder, an npz file with images, or an npz file
    /// with published FID statistics (`mu` and `sigma`) [default for --sweep: the images that the run was trained
    /// on]
    #[arg(long, value_name = "SET", required_unless_present = "sweep", value_parser = name_or_path_arg())]
    pub reference: Option<String>,

    /// Folder of a published dataset, if it is not in its usual place
    #[arg(long, value_name = "DIR", value_parser = path_arg())]
    pub data_dir: Option<PathBuf>,

    /// Training images or test images of a published dataset [default: train; test for --likelihood]
    #[arg(long, value_name = "train|test")]
    pub split: Option<SplitArg>,

    /// Number of generated images; a part of --samples is taken evenly [default: all of --samples; 10000 for
    /// --model, 2000 for each row of --sweep; 100 for --likelihood]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub count: Option<u32>,

    /// Number of real images, taken evenly from --reference [default: all]
    #[arg(long, value_name = "N", conflicts_with = "likelihood",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub reference_count: Option<u32>,

    /// Read a folder of pictures as training does: the central square of each picture, resized to the size of the
    /// images on the other side (of --model, --samples or a dataset)
    #[arg(long, conflicts_with = "likelihood")]
    pub as_trained: bool,

    /// FID's Inception network: the file pt_inception-2015-12-05-6726825d.pth, its tensors as safetensors, or
    /// `download` for the published file (96 MB, verified by its hash and kept)
    #[arg(long, value_name = "FILE|download", conflicts_with = "likelihood", value_parser = path_arg())]
    pub inception: Option<PathBuf>,

    /// Feature network of your own: a JSON file that lists its layers and names its weights (see docs/eval.md)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["inception", "likelihood"], value_parser = path_arg())]
    pub features: Option<PathBuf>,

    /// Also write the numbers as JSON
    #[arg(long, value_name = "FILE", value_parser = path_arg())]
    pub json: Option<PathBuf>,

    /// Folder for intermediate results (sampled images, features, likelihoods), with which a stopped measurement
    /// continues and nothing is computed twice; it may be deleted [default: halfstep/eval in your cache folder]
    #[arg(long, value_name = "DIR", value_parser = path_arg())]
    pub cache: Option<PathBuf>,

    /// Images per network call: changes memory and speed, never results. Likelihoods are kept in batches of this
    /// size
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    pub batch_size: u32,

    /// auto, cpu, wgpu, vulkan, metal, cuda, rocm or ndarray; one of several GPUs by its number, such as
    /// cuda:1; `list` prints all devices and does nothing else
    #[arg(long, default_value_t, value_parser = halfstep_terminal::device_arg)]
    pub device: DeviceChoice,

    /// Print completions for this shell and do nothing else
    #[arg(long, value_name = "SHELL", exclusive = true)]
    pub completions: Option<Shell>,
}

/// A split of a published dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SplitArg {
    /// The images to train on
    Train,
    /// The images held back
    Test,
}

impl From<SplitArg> for Split {
    fn from(split: SplitArg) -> Self {
        match split {
            SplitArg::Train => Self::Train,
            SplitArg::Test => Self::Test,
        }
    }
}

/// How a likelihood is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LikelihoodMethod {
    /// The variational bound in --steps steps, twice: with Analytic-DPM's variances and trajectory, and with those
    /// of the network's measured errors. Needs Gamma (`sample --estimate-gamma`) [default: 128 steps]
    Bound,
    /// The probability-flow ODE, in --steps Runge-Kutta steps [default: 64 steps]
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
