//! What the programs' `main` functions have in common.

use std::process::ExitCode;

use clap::Parser;

use crate::completions::parse_or_complete;
use crate::panics::{caught, note_panics};

/// Reads the command line, runs the program, and says what went wrong: an error in one line, a panic as
/// what it is. `failed` says which exit code that has.
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
            failed(&args)
        }
    }
}
