//! The program `eval`.

use std::process::ExitCode;

fn main() -> ExitCode {
    halfstep_terminal::run_program(halfstep_eval::cli::run, |_| ExitCode::FAILURE)
}
