//! What the program does, in the order it does it.

use std::process::ExitCode;

use halfstep_sample::output;

use crate::args::Args;
use crate::job::{Job, Stopped};
use crate::{compare, likelihood_program, sweep};

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(path) = &args.json {
        output::check_file(path)?;
    }
    let job = Job::of(args)?;
    let outcome = match (&args.sweep, args.likelihood) {
        (Some(run), _) => sweep::run(args, run, &job),
        (None, Some(how)) => likelihood_program::run(args, how, &job),
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
        outcome => outcome.map(|()| ExitCode::SUCCESS),
    }
}
