//! What the program does, in the order it does it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use halfstep_data::{DataError, Outline};
use halfstep_model::SelectedDevice;
use halfstep_train::{
    Config, DeviceCheck, Outcome, Plan, Run, RunOptions, StopFlag, Summary, TrainError,
    changed_settings, changed_sources, left_from_the_start, left_of, load_config, write_report,
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
    run_config(args, path).map_err(|error| match beside(path, &error) {
        Some(there) => error.context(format!(
            "{} lies beside the configuration file, but a relative path in it starts where train is started",
            there.display()
        )),
        None => error,
    })
}

/// What an error did not find, if it is there from the configuration file's folder.
fn beside(config: &Path, error: &anyhow::Error) -> Option<PathBuf> {
    let missing = match (error.downcast_ref(), error.downcast_ref()) {
        (Some(TrainError::Original { path, .. }), _) if !path.exists() => path,
        (_, Some(DataError::NoFolder { dir })) => dir,
        _ => return None,
    };
    let there = config.parent()?.join(missing);
    (missing.is_relative() && there.exists()).then_some(there)
}

fn run_config(args: &Args, path: &Path) -> anyhow::Result<ExitCode> {
    let config = load_config(path, &args.overrides)?;
    let device = args.device.select()?;
    if !args.quiet {
        config.original_notes()?.iter().for_each(|note| halfstep_sample::say!("note: {note}"));
    }
    let out = args.out.clone().unwrap_or_else(|| Path::new("runs").join(&config.name));
    if !args.check_device {
        config.validate_place(&out)?;
    }
    if args.dry_run {
        return dry_run(&config, &device, &out);
    }
    if args.check_device {
        return check_device(&config, &device);
    }
    let dataset = match args.quiet {
        true => config.data.load()?,
        false => halfstep_sample::load_dataset(&config.data)?,
    };
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
        announce(&Plan::new(&config, &unet, &dataset.outline(), run.left()?, &device)?, &out);
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

/// What the dataset is like, and its SHA-256 if it had to be read for that. Published ones need not be there.
fn outline(config: &Config) -> anyhow::Result<(Outline, Option<String>)> {
    if let Some(outline) = config.data.outline() {
        return Ok((outline, None));
    }
    let dataset = halfstep_sample::load_dataset(&config.data)?;
    Ok((dataset.outline(), Some(dataset.sha256().to_owned())))
}

/// The device against the CPU, and nothing else.
fn check_device(config: &Config, device: &SelectedDevice) -> anyhow::Result<ExitCode> {
    let (outline, _) = outline(config)?;
    let unet = config.unet(outline.shape, outline.num_classes)?;
    let check = DeviceCheck::run(config, &unet, device, CHECKED_STEPS)?;
    halfstep_sample::answer!("{check}\n{}", check.verdict());
    Ok(if check.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The plan alone: of what is left, if the run has begun.
fn dry_run(config: &Config, device: &SelectedDevice, out: &Path) -> anyhow::Result<ExitCode> {
    let (outline, sha256) = outline(config)?;
    config.validate_flip(outline.allows_flip, &config.data.describe())?;
    config.validate_classes(&outline.class_names)?;
    let unet = config.unet(outline.shape, outline.num_classes)?;
    let mut changed = changed_settings(out, config)?;
    changed.extend(changed_sources(out, config, sha256.as_deref())?);
    let left = match changed.is_empty() {
        true => left_of(config, out)?,
        false => left_from_the_start(config),
    };
    announce(&Plan::new(config, &unet, &outline, left, device)?, out);
    if !changed.is_empty() {
        halfstep_sample::say!(
            "  note     {} was begun with other settings, images or teacher, so that this run needs another --out:\n           {}",
            out.display(),
            changed.join("\n           ")
        );
    }
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
