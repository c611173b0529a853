//! `train`: trains a teacher and halves it, round after round, to a few-step student.

mod args;
mod program;

use std::process::ExitCode;

use halfstep_sample::{caught, note_panics, parse_or_complete};

fn main() -> ExitCode {
    halfstep_ops::keep_freed_memory();
    note_panics();
    let args: args::Args = parse_or_complete();
    let outcome = caught(|| program::run(&args)).unwrap_or_else(|panic| {
        Err(anyhow::anyhow!("the device failed, or this is a bug worth reporting: {panic}"))
    });
    match outcome {
        Ok(code) => code,
        Err(error) => {
            halfstep_sample::say!("error: {error:#}");
            // As grep has it: 1 is an answer to --check-device, 2 is none.
            if args.check_device { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
