//! `sample`: draws images from a model folder.

use std::process::ExitCode;

fn main() -> ExitCode {
    halfstep_terminal::run_program(halfstep_sample::cli::run, |_| ExitCode::FAILURE)
}
