//! `halfstep`: one program that trains, samples, measures, reports and fetches data.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use halfstep_terminal::{Shell, answer, path_arg};

/// Train a diffusion model, distil it to a few sampling steps, and draw with it.
#[derive(Debug, Parser)]
#[command(name = "halfstep", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    /// Print completions for this shell
    #[arg(long, value_name = "SHELL", exclusive = true)]
    completions: Option<Shell>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a teacher and distil it, halving its sampling steps round after round
    Train(Box<halfstep::train::cli::Args>),
    /// Draw images from a model folder
    Sample(Box<halfstep::sample::cli::Args>),
    /// Measure models and images: FID, KID, precision and recall, likelihood
    Eval(Box<halfstep::eval::cli::Args>),
    /// Write the report of a run folder again, also while the run continues
    Report {
        /// Run folder
        #[arg(value_name = "DIR", value_parser = path_arg())]
        run: PathBuf,
    },
    /// List and fetch datasets
    Data(halfstep::data::cli::DataArgs),
}

const EXAMPLES: &str = "Examples:
  halfstep train digits
  halfstep sample --model runs/digits/students/0004 --out grid.png
  halfstep eval --sweep runs/digits
  halfstep report runs/digits
  halfstep data fetch cifar10";

fn main() -> ExitCode {
    halfstep_terminal::run_program(run, failed)
}

fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Some(Command::Train(args)) => halfstep::train::cli::run(args),
        Some(Command::Sample(args)) => halfstep::sample::cli::run(args),
        Some(Command::Eval(args)) => halfstep::eval::cli::run(args),
        Some(Command::Data(args)) => {
            halfstep::data::cli::run(args, &[&halfstep::eval::INCEPTION])?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Report { run }) => {
            answer!("{}", halfstep::report::write_report(run)?.display());
            Ok(ExitCode::SUCCESS)
        }
        None => Ok(ExitCode::SUCCESS),
    }
}

fn failed(args: &Args) -> ExitCode {
    match &args.command {
        Some(Command::Train(args)) => halfstep::train::cli::failed(args),
        _ => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }
}
