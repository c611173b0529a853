//! `train`: trains a teacher and halves it, round after round, to a few-step student.

mod args;
mod program;

use std::process::ExitCode;

use clap::Parser;

/// A step allocates and frees large tensors by the hundred. The system's allocator gives their pages
/// back and takes them again each time, which costs as much as a tenth of a training step.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match program::run(&args::Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
