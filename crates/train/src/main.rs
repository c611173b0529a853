//! `train`: trains a teacher and halves it, round after round, to a few-step student.

mod args;
mod program;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    halfstep_ops::keep_freed_memory();
    match program::run(&args::Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
