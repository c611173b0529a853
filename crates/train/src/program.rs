//! What the program does, in the order it does it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use halfstep_data::Progress;
use halfstep_train::{
    Outcome, Plan, RunOptions, StopFlag, Summary, load_config, run as run_config,
};

use crate::args::Args;

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = load_config(&args.config, &args.overrides)?;
    let device = args.device.select()?;
    let progress = if args.quiet { Progress::Hidden } else { Progress::Shown };
    let dataset = config.data.load(progress)?;
    let unet = config.unet(dataset.shape(), dataset.num_classes())?;
    let out = args.out.clone().unwrap_or_else(|| Path::new("runs").join(&config.name));

    let data = format!("{} images from {}", dataset.len(), config.data.describe());
    if args.dry_run || !args.quiet {
        eprintln!("{}", Plan::new(&config, &unet, &data, &device)?);
        eprintln!("  folder   {}", out.display());
    }
    if args.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    let stop = StopFlag::install().context("cannot watch for Ctrl-C")?;
    let options = RunOptions { out: out.clone(), device, quiet: args.quiet, stop: stop.clone() };
    match run_config(&config, &dataset, &options)? {
        Outcome::Finished(summary) => report(&summary, &out),
        Outcome::AlreadyFinished(summary) => {
            println!("{} is finished already; nothing was done.", out.display());
            report(&summary, &out);
        }
        Outcome::Stopped { stage, step } => {
            eprintln!("stopped in {stage} after step {step}; the state is saved.");
            eprintln!("run the same command again to continue.");
            return Ok(ExitCode::from(stop.exit_code()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn report(summary: &Summary, out: &Path) {
    println!("\n{}", summary.table());
    let comparison: PathBuf = out.join("samples/comparison.png");
    let rows = match summary.rounds.last() {
        Some(last) if last.stage > 0 => {
            format!(
                "rows: teacher full grid, teacher {0} steps, student {0} steps; same noises",
                last.num_steps
            )
        }
        _ => "teacher, full grid".to_owned(),
    };
    println!("{}  ({rows})", comparison.display());
}
