//! The program `eval`.

use std::process::ExitCode;

fn main() -> ExitCode {
    halfstep_sample::run_program(halfstep_eval::cli::run, |_| ExitCode::FAILURE)
}
