//! The program `eval`: its command line, what it prints, and which flag mends an error.

mod advice;
mod args;
mod as_trained;
mod compare;
mod extractor;
mod inputs;
mod likelihood;
mod notes;
mod output;
mod progress;
mod session;
mod sweep;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use halfstep_model::ModelFiles;
use halfstep_sample::output::check_file;
use halfstep_sample::{check_ending, writes_over};

pub use args::{Args, LikelihoodMethod, SplitArg};

use crate::EvalError;
use progress::TerminalObserver;
use session::Session;

/// Runs the program and returns its exit code: 0 when it is done, 128 plus the signal when it was stopped.
///
/// # Errors
/// Everything that keeps it from doing what the command line asks for, with the flag that mends it.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(path) = &args.json {
        check_json(args, path)?;
    }
    let observer = TerminalObserver::install()?;
    let (context, cache_dir) = session::context(args, &observer)?;
    let session = Session::new(args, &context, cache_dir.clone());
    let outcome = match (&args.sweep, args.likelihood) {
        (Some(run), _) => sweep::run(&session, run),
        (None, Some(method)) => likelihood::run(&session, method),
        (None, None) => compare::run(&session),
    };
    match outcome {
        Err(error) if matches!(error.downcast_ref(), Some(EvalError::Stopped)) => {
            halfstep_terminal::say!(
                "stopped; intermediate results are kept in {}. Run the same command again to continue.",
                cache_dir.display()
            );
            Ok(ExitCode::from(observer.exit_code()))
        }
        outcome => outcome.map(|()| ExitCode::SUCCESS).map_err(halfstep_sample::cli::advised),
    }
}

/// Refuses, before any work, a JSON file that cannot be written or would replace an input.
fn check_json(args: &Args, path: &Path) -> anyhow::Result<()> {
    check_ending(path, "json").context("--json")?;
    check_file(path).context("--json")?;
    let flags = [
        ("--samples", args.samples.as_deref()),
        ("--reference", args.reference.as_deref().map(Path::new)),
        ("--inception", args.inception.as_deref()),
        ("--features", args.features.as_deref()),
    ];
    let named = flags.into_iter().filter_map(|(flag, read)| Some((flag, read?.to_path_buf())));
    let mut inputs = named.chain(model_files(args));
    match inputs.find(|(_, input)| writes_over(path, input)) {
        Some((flag, _)) => {
            bail!("--json {}: {flag} reads this file; name another one", path.display())
        }
        None => Ok(()),
    }
}

/// The files of `--model`; none if it is not a model folder, which loading it reports.
fn model_files(args: &Args) -> impl Iterator<Item = (&'static str, PathBuf)> {
    let files = args.model.as_deref().and_then(|model| ModelFiles::read(model).ok());
    let files =
        files.into_iter().flat_map(|files| files.weights.into_iter().chain(files.scheduler));
    files.map(|file| ("--model", file))
}
