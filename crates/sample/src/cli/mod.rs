//! The program `sample`: flags, printing, progress. The rest of the crate uses none of them.
//!
//! [`run`] does what [`Args`] ask for. Programs that draw too share [`open_model_checked`], [`load_dataset`], the value
//! parsers and [`gamma_remedy`], the command that estimates Gamma.

mod advice;
mod args;
mod compare;
mod comparison;
mod dataset;
mod draw;
mod gamma;
mod learned_from;
mod model;
mod named_data;
mod outputs;
mod request;
mod settings;
mod values;

pub use advice::{advised, advised_sentence, gamma_remedy};
pub use args::Args;
pub use dataset::{load_dataset, say_passed_over};
pub use learned_from::data_section;
pub use model::{check_drawing, load_noted, open_model, open_model_checked};
pub use values::{grid_kind_arg, ode_variable_arg, sampler_arg};

use std::process::ExitCode;

/// Does what the command line asks for.
///
/// # Errors
/// What went wrong, with the flag that mends it.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let outcome = match (&args.estimate_gamma, &args.compare) {
        (Some(dataset), _) => gamma::run(&gamma::GammaJob::new(args, dataset)),
        (None, Some(samplers)) => compare::run(args, samplers),
        (None, None) => draw::run(args),
    };
    outcome.map_err(advised)
}
