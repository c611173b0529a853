//! The command line of `train`: arguments, progress, printing, and advice that names flags.

mod advice;
mod args;
mod progress;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use halfstep_core::{counted, nearest_name};
use halfstep_data::{DataError, Outline};
use halfstep_model::SelectedDevice;
use halfstep_report::write_report;
use halfstep_run::Summary;
use halfstep_run::layout::{COMPARISON, PAGE};
use halfstep_terminal::{StopSignal, answer, say, select_device};

pub use self::args::Args;
use self::progress::RunProgress;
use crate::config::changed::{changed_settings, changed_sources};
use crate::config::job::Job;
use crate::config::shipped::{SHIPPED_CONFIGS, shipped_config};
use crate::device_check::DeviceCheck;
use crate::error::TrainError;
use crate::plan::TrainingPlan;
use crate::plan::left::{left_from_the_start, left_of};
use crate::run::{Run, RunEnd, RunOptions};

/// Training steps of `--check-device`.
const CHECKED_STEPS: u64 = 20;

/// Runs `train` and returns its exit code.
///
/// # Errors
/// The message says what went wrong and which flag helps.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(folder) = &args.report {
        answer!("{}", write_report(folder)?.display());
        return Ok(ExitCode::SUCCESS);
    }
    run_job(args).map_err(|error| {
        let there = args.config_file().and_then(|config| beside(config, &error));
        let error = advice::advised(error);
        match there {
            Some(there) => error.context(format!(
                "{} exists beside the configuration file, but relative paths in it start at the current directory",
                there.display()
            )),
            None => error,
        }
    })
}

/// The exit code of a failure. `--check-device` fails with 2, because 1 means that the devices disagree (as
/// with grep).
pub fn failed(args: &Args) -> ExitCode {
    ExitCode::from(if args.check_device { 2 } else { 1 })
}

/// The folder that an error reports as missing, if it exists relative to the configuration file's folder.
fn beside(config: &Path, error: &anyhow::Error) -> Option<PathBuf> {
    let missing = match (error.downcast_ref(), error.downcast_ref()) {
        (Some(TrainError::Pretrained { path, .. }), _) if !path.exists() => path,
        (_, Some(DataError::NoFolder { dir })) => dir,
        _ => return None,
    };
    let there = config.parent()?.join(missing);
    (missing.is_relative() && there.exists()).then_some(there)
}

fn load_job(args: &Args) -> anyhow::Result<Job> {
    let path = args
        .config_file()
        .context("no configuration given: name a shipped one, or use --config")?;
    let name = path.to_str().filter(|_| !path.is_file()).unwrap_or_default();
    match shipped_config(name) {
        Some(text) => Ok(Job::parse(name, text, &args.overrides)?),
        None if !path.exists() => bail!("{}: {}", path.display(), no_configuration(name)),
        None => Ok(Job::load(path, &args.overrides)?),
    }
}

/// That there is neither a file nor a shipped configuration of this name.
fn no_configuration(name: &str) -> String {
    let shipped = SHIPPED_CONFIGS.map(|(name, _)| name);
    let suggestion = nearest_name(name, shipped.into_iter())
        .map_or(String::new(), |nearest| format!(" (did you mean `{nearest}`?)"));
    format!(
        "no such file, and no shipped configuration has this name{suggestion}; shipped: {}",
        shipped.join(", ")
    )
}

fn run_job(args: &Args) -> anyhow::Result<ExitCode> {
    let job = load_job(args)?;
    let device = select_device(args.device)?;
    if !args.quiet {
        job.config.pretrained_notes().iter().for_each(|note| say!("note: {note}"));
    }
    if args.check_device {
        return check_device(&job, &device);
    }
    let out = args.out.clone().unwrap_or_else(|| Path::new("runs").join(&job.name));
    job.check_place(&out)?;
    if args.dry_run {
        return dry_run(&job, &device, &out);
    }
    train(args, &job, device, out)
}

fn train(args: &Args, job: &Job, device: SelectedDevice, out: PathBuf) -> anyhow::Result<ExitCode> {
    let dataset = halfstep_sample::cli::load_dataset(job.data()?, args.quiet)?;
    let stop = StopSignal::install().context("cannot listen for Ctrl-C")?;
    let progress = RunProgress::new(args.quiet);
    let on_event = |event: crate::Event<'_>| progress.show(event);
    let options = RunOptions { out, device, stop: (*stop).clone(), on_event: &on_event };
    let out = &options.out;
    let run = Run::open(job, &dataset, &options)?;
    if run.finished()?.is_some() {
        answer!("{} is already finished; nothing to do.", out.display());
    } else if !args.quiet {
        let unet = job.config.network(dataset.shape(), dataset.num_classes())?;
        let left = run.left()?;
        let plan = TrainingPlan::new(job, &unet, &dataset.outline(), left, &options.device)?;
        print_plan(&plan, out);
    }
    let stopped = match run.train()? {
        RunEnd::Finished(summary) => {
            print_summary(&summary, out);
            return Ok(ExitCode::SUCCESS);
        }
        RunEnd::Stopped { stage, step } => {
            format!("stopped in {stage} after step {step}; the state is saved.")
        }
        RunEnd::StoppedMeasuring => {
            "stopped while measuring; all trained models are saved.".to_owned()
        }
    };
    say!("{stopped}");
    say!("run the same command again to continue.");
    Ok(ExitCode::from(stop.exit_code()))
}

/// The outline of the job's images. A published dataset has a known outline and is not read; other images are
/// loaded, and their SHA-256 is returned too.
fn outline(job: &Job) -> anyhow::Result<(Outline, Option<String>)> {
    if let Some(outline) = job.data()?.outline() {
        return Ok((outline, None));
    }
    let dataset = halfstep_sample::cli::load_dataset(job.data()?, false)?;
    Ok((dataset.outline(), Some(dataset.sha256().to_owned())))
}

/// `--check-device`: compares the device with the CPU.
fn check_device(job: &Job, device: &SelectedDevice) -> anyhow::Result<ExitCode> {
    let (outline, _) = outline(job)?;
    let unet = job.config.network(outline.shape, outline.num_classes)?;
    let check = DeviceCheck::run(&job.config, &unet, device, CHECKED_STEPS)?;
    answer!("{check}\n{}", check.conclusion());
    Ok(if check.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `--dry-run`: prints the plan of the run, or of what is left if the run has begun.
fn dry_run(job: &Job, device: &SelectedDevice, out: &Path) -> anyhow::Result<ExitCode> {
    let (outline, sha256) = outline(job)?;
    let config = &job.config;
    config.check_flip(outline.allows_flip, &job.data()?.describe())?;
    config.check_classes(&outline.class_names)?;
    let unet = config.network(outline.shape, outline.num_classes)?;
    let mut changed = changed_settings(out, job)?;
    changed.extend(changed_sources(out, job, sha256.as_deref())?);
    let left = match changed.is_empty() {
        true => left_of(config, out)?,
        false => left_from_the_start(config),
    };
    print_plan(&TrainingPlan::new(job, &unet, &outline, left, device)?, out);
    if !changed.is_empty() {
        say!(
            "  note     {} was started with other settings, images or another teacher; use another --out for this run:\n           {}",
            out.display(),
            changed.join("\n           ")
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn print_plan(plan: &TrainingPlan, out: &Path) {
    say!("{plan}");
    say!("  folder   {}", out.display());
}

fn print_summary(summary: &Summary, out: &Path) {
    answer!("\n{}", summary.table());
    let comparison: PathBuf = out.join(COMPARISON);
    let rows = match summary.rounds.last() {
        Some(last) if last.stage > 0 => {
            let steps = counted(last.num_steps, "step");
            format!(
                "rows: teacher, all steps; teacher, {steps}; student, {steps}; same noises in each column"
            )
        }
        _ => "teacher, all steps".to_owned(),
    };
    answer!("{}  ({rows})", comparison.display());
    answer!("{}", out.join(PAGE).display());
}
