//! `eval`: measures generated images against real ones, and models.

mod args;
mod as_trained;
mod bounds;
mod cache;
mod compare;
mod counts;
mod course;
mod device_check;
mod drawing;
mod job;
mod judge;
mod likelihood_program;
mod measures;
mod program;
mod sides;
mod sweep;

use std::process::ExitCode;

fn main() -> ExitCode {
    halfstep_sample::run_program(program::run, |_| ExitCode::FAILURE)
}
