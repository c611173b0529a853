//! The command line.

use std::path::PathBuf;

use clap::Parser;
use clap_complete::Shell;
use halfstep_model::DeviceChoice;
use halfstep_sample::{device_arg, path_arg};

/// Train a diffusion teacher and distil it, halving its steps round after round.
///
/// Everything goes into the run folder: models (diffusers pipeline folders), metrics, pictures, a
/// summary. The same command again continues where it stopped.
#[derive(Debug, Parser)]
#[command(name = "train", version, after_help = EXAMPLES)]
pub struct Args {
    /// Configuration file
    #[arg(long, value_name = "FILE", required_unless_present = "report", value_parser = path_arg())]
    pub config: Option<PathBuf>,

    /// Override a setting; can be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,

    /// Run folder [default: runs/NAME]
    #[arg(long, value_name = "DIR", value_parser = path_arg())]
    pub out: Option<PathBuf>,

    /// auto, cpu, wgpu, vulkan, metal, cuda, rocm or ndarray; one of several GPUs by its number, such as
    /// cuda:1; `list` prints all that there are and does nothing else
    #[arg(long, default_value_t, value_parser = device_arg)]
    pub device: DeviceChoice,

    /// Print the plan (classes, rounds, steps, parameters, memory, estimated time; of a run that has begun,
    /// what is done and what is left) and do nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Hold the device against the CPU (forward, gradients, 20 training steps of the network, in the
    /// configured precision) and do nothing else; exit code 1 if they disagree, 2 if it could not run
    #[arg(long, conflicts_with = "dry_run")]
    pub check_device: bool,

    /// Write report/index.html of a run folder again and do nothing else; also while the run is going
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "overrides", "out", "dry_run", "check_device"], value_parser = path_arg())]
    pub report: Option<PathBuf>,

    /// No progress bars
    #[arg(long)]
    pub quiet: bool,

    /// Print completions for this shell and do nothing else: see the examples
    #[arg(long, value_name = "SHELL", exclusive = true)]
    pub completions: Option<Shell>,
}

const EXAMPLES: &str = "Examples:
  train --config configs/digits.toml
  train --config configs/cifar.toml --out runs/try --set teacher.train_steps=2000
  train --config configs/cifar.toml --dry-run
  train --report runs/digits
  train --config configs/cifar.toml --set precision=f16 --device wgpu --check-device
  train --config configs/from-diffusers.toml --set teacher.from=path/to/a/diffusers/pipeline
  train --completions bash > ~/.local/share/bash-completion/completions/train

Exit codes: 0 done, 1 an error (or --check-device found a difference), 2 a mistake on the command line
or --check-device could not run, 130 stopped by Ctrl-C, 143 by SIGTERM";

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        super::Args::command().debug_assert();
    }
}
