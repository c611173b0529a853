//! `eval`: measures generated images against real ones.

mod args;
mod measures;
mod program;
mod sides;

use std::process::ExitCode;

fn main() -> ExitCode {
    halfstep_sample::run_program(program::run, |_| ExitCode::FAILURE)
}
