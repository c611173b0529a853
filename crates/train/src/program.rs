//! What the program does, in the order it does it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use halfstep_data::{Outline, Progress};
use halfstep_model::SelectedDevice;
use halfstep_train::{
    Config, DeviceCheck, Outcome, Plan, Run, RunOptions, Stage, StopFlag, Summary, load_config,
    write_report,
};

use crate::args::Args;

/// Training steps of `--check-device`.
const CHECKED_STEPS: u64 = 20;

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(folder) = &args.report {
        halfstep_sample::answer!("{}", write_report(folder)?.display());
        return Ok(ExitCode::SUCCESS);
    }
    let path = args.config.as_deref().context("--config is missing")?;
    let config = load_config(path, &args.overrides)?;
    let device = args.device.select()?;
    let out = args.out.clone().unwrap_or_else(|| Path::new("runs").join(&config.name));
    if args.dry_run {
        return dry_run(&config, &device, &out);
    }
    if args.check_device {
        return check_device(&config, &device);
    }
    let progress = if args.quiet { Progress::Hidden } else { Progress::Shown };
    let dataset = config.data.load(progress)?;
    let stop = StopFlag::install().context("cannot watch for Ctrl-C")?;
    let options = RunOptions {
        out: out.clone(),
        device: device.clone(),
        quiet: args.quiet,
        stop: stop.clone(),
    };
    let run = Run::open(&config, &dataset, &options)?;
    if let Some(summary) = run.finished()? {
        halfstep_sample::answer!("{} is finished already; nothing was done.", out.display());
        report(&summary, &out);
        return Ok(ExitCode::SUCCESS);
    }
    if !args.quiet {
        let unet = config.unet(dataset.shape(), dataset.num_classes())?;
        announce(&Plan::new(&config, &unet, dataset.len(), &run.left()?, &device)?, &out);
    }
    match run.go()? {
        Outcome::Finished(summary) => report(&summary, &out),
        Outcome::Stopped { stage, step } => {
            halfstep_sample::say!("stopped in {stage} after step {step}; the state is saved.");
            halfstep_sample::say!("run the same command again to continue.");
            return Ok(ExitCode::from(stop.exit_code()));
        }
        Outcome::StoppedMeasuring => {
            halfstep_sample::say!("stopped while measuring; all models are saved.");
            halfstep_sample::say!("run the same command again to continue.");
            return Ok(ExitCode::from(stop.exit_code()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What the dataset is like. Published ones need not be there for it.
fn outline(config: &Config) -> anyhow::Result<Outline> {
    match config.data.outline() {
        Some(outline) => Ok(outline),
        None => Ok(config.data.load(Progress::Shown)?.outline()),
    }
}

/// The device against the CPU, and nothing else.
fn check_device(config: &Config, device: &SelectedDevice) -> anyhow::Result<ExitCode> {
    let outline = outline(config)?;
    let unet = config.unet(outline.shape, outline.num_classes)?;
    let check = DeviceCheck::run(config, &unet, device, CHECKED_STEPS)?;
    halfstep_sample::answer!("{check}\n{}", check.verdict());
    Ok(if check.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The plan alone.
fn dry_run(config: &Config, device: &SelectedDevice, out: &Path) -> anyhow::Result<ExitCode> {
    let outline = outline(config)?;
    config.validate_flip(outline.allows_flip, &config.data.describe())?;
    let unet = config.unet(outline.shape, outline.num_classes)?;
    let whole = config.stages().into_iter().map(|stage| (stage, config.stage_steps(stage)));
    let left: Vec<(Stage, u64)> = whole.collect();
    announce(&Plan::new(config, &unet, outline.len, &left, device)?, out);
    Ok(ExitCode::SUCCESS)
}

fn announce(plan: &Plan, out: &Path) {
    halfstep_sample::say!("{plan}");
    halfstep_sample::say!("  folder   {}", out.display());
}

fn report(summary: &Summary, out: &Path) {
    halfstep_sample::answer!("\n{}", summary.table());
    let comparison: PathBuf = out.join("samples/comparison.png");
    let rows = match summary.rounds.last() {
        Some(last) if last.stage > 0 => {
            format!(
                "rows: teacher full grid, teacher {0}, student {0}; same noises",
                halfstep_sample::counted(last.num_steps, "step")
            )
        }
        _ => "teacher, full grid".to_owned(),
    };
    halfstep_sample::answer!("{}  ({rows})", comparison.display());
    halfstep_sample::answer!("{}", out.join("report/index.html").display());
}
