//! `sample`: draws images from a model folder.

mod args;
mod choose;
mod compare;
mod gamma_program;
mod lay_out;
mod named_data;
mod outputs;
mod program;
mod table;

use std::process::ExitCode;

use halfstep_sample::{caught, note_panics, parse_or_complete};

fn main() -> ExitCode {
    halfstep_ops::keep_freed_memory();
    note_panics();
    let outcome = caught(|| program::run(&parse_or_complete())).unwrap_or_else(|panic| {
        Err(anyhow::anyhow!("the device failed, or this is a bug worth reporting: {panic}"))
    });
    match outcome {
        Ok(code) => code,
        Err(error) => {
            halfstep_sample::say!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
