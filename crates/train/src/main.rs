//! `train`: trains a teacher and halves it, round after round, to a few-step student.

mod args;
mod program;

use std::process::ExitCode;

fn main() -> ExitCode {
    halfstep_sample::run_program(program::run, |args: &args::Args| match args.check_device {
        // As grep has it: 1 is an answer, 2 is none.
        true => ExitCode::from(2),
        false => ExitCode::FAILURE,
    })
}
