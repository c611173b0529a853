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

use clap::Parser;

fn main() -> ExitCode {
    halfstep_ops::keep_freed_memory();
    match program::run(&args::Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
