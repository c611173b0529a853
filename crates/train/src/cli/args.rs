//! The command-line arguments of `train`.

use std::path::{Path, PathBuf};

use clap::Parser;
use halfstep_model::DeviceChoice;
use halfstep_terminal::{Shell, device_arg, path_arg};

/// Train a diffusion teacher and distil it, halving its sampling steps round after round.
///
/// All output goes into the run folder: models (as diffusers pipeline folders), metrics, sample images and a
/// report. Run the same command again to continue a stopped run.
#[derive(Debug, Parser)]
#[command(name = "train", version, after_help = EXAMPLES)]
pub struct Args {
    /// Configuration: a file, or the name of a shipped one (digits, fashion, mnist, mnist-gpu, cifar,
    /// cifar-small, cifar-cpu, cifar-gpu, from-diffusers)
    #[arg(value_name = "NAME|FILE", required_unless_present_any = ["config", "report"], conflicts_with = "config", value_parser = path_arg())]
    pub name: Option<PathBuf>,

    /// Configuration file
    #[arg(long, value_name = "FILE", value_parser = path_arg())]
    pub config: Option<PathBuf>,

    /// Override a setting; can be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,

    /// Run folder [default: runs/NAME]
    #[arg(long, value_name = "DIR", value_parser = path_arg())]
    pub out: Option<PathBuf>,

    /// Device: auto, cpu, wgpu, vulkan, metal, cuda, rocm or ndarray. Append a number to choose one of several
    /// GPUs (cuda:1). `list` prints every available device and exits
    #[arg(long, default_value_t, value_parser = device_arg)]
    pub device: DeviceChoice,

    /// Print the plan and exit: classes, rounds, steps, parameters, memory and estimated time; for a run that
    /// has begun, also what is done and what remains
    #[arg(long)]
    pub dry_run: bool,

    /// Compare the device with the CPU (outputs, gradients and 20 training steps of this network, in the
    /// configured precision) and exit; exit code 1 if they disagree, 2 if the check could not run
    #[arg(long, conflicts_with = "dry_run")]
    pub check_device: bool,

    /// Rebuild report/index.html of a run folder and exit; works while the run is training
    #[arg(long, value_name = "DIR", conflicts_with_all = ["name", "config", "overrides", "out", "dry_run", "check_device"], value_parser = path_arg())]
    pub report: Option<PathBuf>,

    /// Hide progress bars
    #[arg(long)]
    pub quiet: bool,

    /// Print shell completions and exit (see the examples)
    #[arg(long, value_name = "SHELL", exclusive = true)]
    pub completions: Option<Shell>,
}

impl Args {
    /// The configuration: a shipped name or a path.
    pub(super) fn config_file(&self) -> Option<&Path> {
        self.config.as_deref().or(self.name.as_deref())
    }
}

const EXAMPLES: &str = "Examples:
  train digits
  train --config configs/cifar.toml --out runs/try --set teacher.train_steps=2000
  train --config configs/cifar.toml --dry-run
  train --report runs/digits
  train --config configs/cifar.toml --set precision=f16 --device wgpu --check-device
  train --config configs/from-diffusers.toml --set teacher.from=path/to/a/diffusers/pipeline
  train --completions bash > ~/.local/share/bash-completion/completions/train

Exit codes: 0 done, 1 an error (or --check-device found a difference), 2 invalid command line, or
--check-device could not run, 130 stopped by Ctrl-C, 143 by SIGTERM";

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        super::Args::command().debug_assert();
    }
}
