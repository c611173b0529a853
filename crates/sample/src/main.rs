//! `sample`: draws images from a model folder.

mod args;
#[expect(dead_code, reason = "its flags come with the other samplers")]
mod gamma_program;
mod named_data;
mod outputs;
mod program;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match program::run(&args::Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
