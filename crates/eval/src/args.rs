//! The command line.

use std::path::PathBuf;

use clap::{ArgGroup, Parser};
use clap_complete::Shell;
use halfstep_model::DeviceChoice;

/// Measure generated images against real ones: FID, KID, precision and recall, Inception score.
///
/// Without the weights of FID's Inception network (--inception) there is no FID; small images are then
/// compared pixel by pixel, and what is printed says so.
#[derive(Debug, Parser)]
#[command(name = "eval", version, after_help = EXAMPLES)]
#[command(group = ArgGroup::new("generated").required(true).args(["samples", "model"]))]
pub struct Args {
    /// Generated images: a folder of PNG or JPEG files, or an npz file (uint8 NHWC as `arr_0`)
    #[arg(long, value_name = "SET")]
    pub samples: Option<PathBuf>,

    /// Draw the generated images from this model folder; image k starts from the noise of (--seed, k)
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,

    /// Steps of DDIM for --model [default: the student's own, 50 for other models]
    #[arg(long, value_name = "N", requires = "model", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub steps: Option<u32>,

    /// Seed of --model's noise
    #[arg(long, default_value_t = 0)]
    pub seed: u64,

    /// Real images: digits, mnist, fashion_mnist or cifar10, a folder, an npz file, or an npz file with
    /// the statistics `mu` and `sigma` that FID's tools publish
    #[arg(long, value_name = "SET")]
    pub reference: String,

    /// Images of each side [default: all of them; 10000 for --model]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    pub count: Option<u32>,

    /// FID's Inception network: pt_inception-2015-12-05 as safetensors
    #[arg(long, value_name = "FILE")]
    pub inception: Option<PathBuf>,

    /// Write the numbers as JSON too
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Images at once: memory and speed, never results
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    pub batch_size: u32,

    /// auto, cpu, wgpu, vulkan, metal, cuda, rocm or ndarray
    #[arg(long, default_value_t)]
    pub device: DeviceChoice,

    /// Print completions for this shell and do nothing else
    #[arg(long, value_name = "SHELL", exclusive = true)]
    pub completions: Option<Shell>,
}

const EXAMPLES: &str = "Examples:
  eval --samples samples.npz --reference cifar10 --inception inception.safetensors
  eval --model runs/digits/students/0004 --reference digits --count 1797
  eval --samples pictures/ --reference cifar10_stats.npz --inception inception.safetensors

The weights, once, in Python:
  import torch, safetensors.torch
  state = torch.load('pt_inception-2015-12-05-6726825d.pth')
  safetensors.torch.save_file({k: v.float().contiguous() for k, v in state.items()}, 'inception.safetensors')

Exit codes: 0 done, 1 an error, 2 a mistake on the command line";

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        super::Args::command().debug_assert();
    }
}
