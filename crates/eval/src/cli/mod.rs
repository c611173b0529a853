//! The program `eval`: what it does, in the order it does it.

pub(crate) mod args;
pub(crate) mod as_trained;
pub(crate) mod compare;
pub(crate) mod course;
pub(crate) mod device_check;
pub(crate) mod job;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use halfstep_model::ModelFiles;
use halfstep_sample::{check_ending, output, writes_over};

pub use crate::cli::args::Args;
use crate::cli::job::{Job, Stopped};
use crate::likelihood::model;
use crate::sweep;

/// Runs the program.
///
/// # Errors
/// Whatever keeps it from doing what the command line asks for.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(path) = &args.json {
        check_json(args, path)?;
    }
    let job = Job::of(args)?;
    let outcome = match (&args.sweep, args.likelihood) {
        (Some(run), _) => sweep::run(args, run, &job),
        (None, Some(how)) => model::run(args, how, &job),
        (None, None) => compare::run(args, &job),
    };
    match outcome {
        Err(error) if error.is::<Stopped>() => {
            halfstep_sample::say!(
                "stopped; what was made is kept in {}. Run the same command again to continue.",
                job.cache.dir().display()
            );
            Ok(ExitCode::from(job.stop.exit_code()))
        }
        outcome => outcome.map(|()| ExitCode::SUCCESS).map_err(halfstep_sample::cli::advised),
    }
}

/// Finds out before any work what would fail after it, and keeps what is read from being written over.
fn check_json(args: &Args, path: &Path) -> anyhow::Result<()> {
    check_ending(path, "json").context("--json")?;
    output::check_file(path).context("--json")?;
    let flags = [
        ("--samples", args.samples.as_deref()),
        ("--reference", args.reference.as_deref().map(Path::new)),
        ("--inception", args.inception.as_deref()),
        ("--features", args.features.as_deref()),
    ];
    let named = flags.into_iter().filter_map(|(flag, read)| Some((flag, read?.to_path_buf())));
    let mut read = named.chain(of_model(args));
    match read.find(|(_, read)| writes_over(path, read)) {
        Some((flag, _)) => {
            bail!(
                "--json {}: would be written over what {flag} reads; name another file",
                path.display()
            )
        }
        None => Ok(()),
    }
}

/// The files of `--model`. One that is none has none: loading it says so.
fn of_model(args: &Args) -> impl Iterator<Item = (&'static str, PathBuf)> {
    let files = args.model.as_deref().and_then(|model| ModelFiles::of(model).ok());
    let files =
        files.into_iter().flat_map(|files| files.weights.into_iter().chain(files.scheduler));
    files.map(|file| ("--model", file))
}
