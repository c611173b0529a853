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

/// A step of the network allocates and frees large tensors by the hundred. The system's allocator gives their pages
/// back and takes them again each time, which costs a good part of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match program::run(&args::Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
