//! `sample`: draws images from a model folder.

mod args;
mod choose;
mod compare;
mod gamma_program;
mod lay_out;
mod learned_from;
mod named_data;
mod outputs;
mod program;
mod settings;
mod table;

use std::process::ExitCode;

fn main() -> ExitCode {
    halfstep_sample::run_program(program::run, |_| ExitCode::FAILURE)
}
