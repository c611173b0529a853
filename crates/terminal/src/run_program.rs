//! What the programs' `main` functions share.

use std::process::ExitCode;

use clap::Parser;
use halfstep_core::{caught, note_panics};

use crate::completions::parse_or_complete;

/// Parses the command line, runs the program, and prints an error or a panic in one line. `failed` chooses the
/// exit code of a failure.
pub fn run_program<A: Parser>(
    run: impl FnOnce(&A) -> anyhow::Result<ExitCode>,
    failed: impl FnOnce(&A) -> ExitCode,
) -> ExitCode {
    halfstep_ops::keep_freed_memory();
    note_panics();
    let args: A = parse_or_complete();
    let outcome = caught(|| run(&args)).unwrap_or_else(|panic| {
        Err(anyhow::anyhow!("the device failed, or this is a bug worth reporting: {panic}"))
    });
    match outcome {
        Ok(code) => code,
        Err(error) => {
            crate::say!("error: {error:#}");
            if let Some(advice) = halfstep_data::cli::advice(error.as_ref()) {
                crate::say!("{advice}");
            }
            failed(&args)
        }
    }
}
