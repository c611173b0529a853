//! `eval`: measures generated images against real ones.

mod args;
mod measures;
mod program;
mod sides;

use std::process::ExitCode;

use halfstep_sample::{caught, note_panics, parse_or_complete};

fn main() -> ExitCode {
    halfstep_ops::keep_freed_memory();
    note_panics();
    let outcome = caught(|| program::run(&parse_or_complete())).unwrap_or_else(|panic| {
        Err(anyhow::anyhow!("the device failed, or this is a bug worth reporting: {panic}"))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            halfstep_sample::say!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
