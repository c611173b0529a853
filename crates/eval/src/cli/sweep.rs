//! `--sweep`: a run's teacher and students, quality against steps.

use std::path::Path;

use anyhow::{Context, bail};
use halfstep_core::counted;
use halfstep_data::{DataConfig, Split};
use halfstep_files::{check_dir, read_text};
use halfstep_report::write_report;
use halfstep_run::{RunSettings, Stage, Sweep};
use halfstep_sample::SamplerKind;
use halfstep_sample::cli::{data_section, load_dataset};
use halfstep_terminal::{answer, say};

use super::advice::{advise, with_remedy};
use super::args::Args;
use super::as_trained::{GeneratedSide, read_as_trained};
use super::extractor::{evaluator, extractor};
use super::session::Session;
use super::{inputs, notes, output};
use crate::evaluation::{ReferenceData, SampledModel};
use crate::images::ImageSet;
use crate::sweep::{SweepPlan, SweepReference};

/// Default number of images per row.
const DEFAULT_COUNT: usize = 2000;

pub(super) fn run(session: &Session<'_>, run: &Path) -> anyhow::Result<()> {
    let args = session.args;
    let settings = settings(run)?;
    let teacher = session.sampled_model(&run.join(Stage::Teacher.folder())).context("--sweep")?;
    let students = students(session, run, &settings)?;
    let images = args.count.map_or(DEFAULT_COUNT, |count| count as usize);
    let plan = plan(args, &settings, &teacher, &students, images)?;
    check_dir(&run.join("report"))?;

    let SweepComparison { name, real, held_back } =
        comparison(args, run, &settings, teacher.shape())?;
    let reference_images = real.image_count();
    let full = plan.full_grid().map_err(advise)?;
    let extractor = extractor(session, &full, &real)?;
    notes::print_limits(&extractor, images, reference_images)?;
    notes::print_sizes(&full, &real)?;
    say!(
        "{} of the teacher and {}, {} each, against {name}; sampled images are kept in {}",
        counted(plan.teacher_runs().len(), "run"),
        counted(students.len(), "student"),
        counted(images, "image"),
        session.cache_dir.display()
    );
    let evaluator = evaluator(session, extractor, real)?;
    let held_back = match held_back {
        Some(data) => held_back_images(&data, images)?,
        None => None,
    };
    let reference = SweepReference { name, images: reference_images, held_back };
    let sweep = evaluator.sweep(&plan, reference).map_err(advise)?;
    publish(&sweep, run, args.json.as_deref())
}

/// Writes the sweep into the run's report, standard output and `--json`.
fn publish(sweep: &Sweep, run: &Path, json: Option<&Path>) -> anyhow::Result<()> {
    sweep.write(run)?;
    write_report(run)?;
    answer!("{}", sweep.table().trim_end());
    say!("plot: {}", run.join("report/index.html").display());
    output::write_json(json, &serde_json::to_string_pretty(sweep)?)
}

/// What a run is compared with.
struct SweepComparison {
    name: String,
    real: ReferenceData,
    /// Images of the same dataset that were not trained on, if there are any.
    held_back: Option<DataConfig>,
}

/// `--reference`, or the images that the run was trained on. The models' images have `shape`.
fn comparison(
    args: &Args,
    run: &Path,
    settings: &RunSettings,
    shape: [usize; 3],
) -> anyhow::Result<SweepComparison> {
    if let Some(name) = &args.reference {
        let mut real = inputs::reference(args, name)?;
        if args.as_trained {
            read_as_trained(GeneratedSide::Sampled(shape), &mut real)?;
        }
        return Ok(SweepComparison { name: name.clone(), real, held_back: None });
    }
    if args.split.is_some() {
        bail!("--split: needs --reference; without it the run's own images are used");
    }
    if args.as_trained {
        bail!("--as-trained: needs --reference; the run's own images are always read in this way");
    }
    let trained_on = data_section(settings.text()).context("--sweep: config.toml")?;
    let data = match args.data_dir.as_deref() {
        Some(_) if trained_on == (DataConfig::Digits {}) => {
            bail!("--data-dir: the run's digits are embedded in the program; remove the flag")
        }
        Some(dir) => trained_on.in_dir(dir),
        None => trained_on,
    };
    let path = run.join("dataset.sha256");
    let learned = read_text(&path).with_context(|| path.display().to_string())?;
    let dataset = load_dataset(&data, false)?.known_as(learned.trim());
    if learned.trim() != dataset.sha256() {
        bail!(
            "--sweep: {} is not what the run was trained on (SHA-256 {}, then {}); restore those images, or \
             give these with --reference",
            data.describe(),
            dataset.sha256(),
            learned.trim()
        );
    }
    let images = ReferenceData::Images(ImageSet::from_dataset(&dataset));
    let real = inputs::reference_part(args, images)?;
    Ok(SweepComparison { name: dataset.name().to_owned(), real, held_back: held_back(&data) })
}

fn settings(run: &Path) -> anyhow::Result<RunSettings> {
    let path = run.join("config.toml");
    if !path.is_file() {
        bail!(
            "--sweep {}: not a run folder: it has no config.toml (expected the folder that train --config \
             writes into, such as runs/NAME)",
            run.display()
        );
    }
    Ok(RunSettings::read(run)?)
}

/// The finished students.
fn students(
    session: &Session<'_>,
    run: &Path,
    settings: &RunSettings,
) -> anyhow::Result<Vec<SampledModel>> {
    let folders = settings.stages().into_iter().filter(|stage| *stage != Stage::Teacher);
    let folders = folders.map(|stage| run.join(stage.folder()));
    folders
        .filter(|folder| folder.join("model_index.json").is_file())
        .map(|folder| session.sampled_model(&folder).context("--sweep"))
        .collect()
}

/// `--samplers` and `--sweep-steps`. Settings that cannot be sampled are refused before anything is sampled.
fn plan<'a>(
    args: &Args,
    settings: &RunSettings,
    teacher: &'a SampledModel,
    students: &'a [SampledModel],
    images: usize,
) -> anyhow::Result<SweepPlan<'a>> {
    let steps: Vec<usize> = if args.sweep_steps.is_empty() {
        settings.student_steps()
    } else {
        args.sweep_steps.iter().map(|&steps| steps as usize).collect()
    };
    let samplers = samplers(args, teacher)?;
    let full_steps = settings.teacher_steps();
    let plan = SweepPlan::new(teacher, students, full_steps, &samplers, &steps, images);
    let flags = match (args.samplers.is_empty(), args.sweep_steps.is_empty()) {
        (false, _) => "--samplers, --sweep-steps",
        (true, false) => "--sweep-steps",
        (true, true) => "--sweep",
    };
    for &(kind, steps) in plan.teacher_runs() {
        teacher.plan(Some(kind), Some(steps)).map_err(with_remedy).with_context(|| {
            let steps = counted(steps, "step");
            format!("{flags}: {kind} cannot sample this teacher in {steps}; choose others")
        })?;
    }
    Ok(plan)
}

/// `--samplers`, or the usual ones.
fn samplers(args: &Args, teacher: &SampledModel) -> anyhow::Result<Vec<SamplerKind>> {
    if !args.samplers.is_empty() {
        return Ok(args.samplers.clone());
    }
    let mut names = vec!["ddim", "dpm-solver++-2m"];
    match teacher.gamma() {
        Ok(_) => names.push("analytic-ddim"),
        Err(error) => {
            say!("note: without analytic-ddim: {:#}", with_remedy(error))
        }
    }
    names.into_iter().map(|name| name.parse().map_err(anyhow::Error::msg)).collect()
}

/// The split that was not trained on, if there is one.
fn held_back(data: &DataConfig) -> Option<DataConfig> {
    let other = match data.split()? {
        Split::Train => Split::Test,
        Split::Test => Split::Train,
    };
    data.clone().of_split(other)
}

/// As many real images as are sampled of each model, because a distance depends on their number. `None`, with a
/// note, if there are fewer.
fn held_back_images(data: &DataConfig, count: usize) -> anyhow::Result<Option<ImageSet>> {
    let images = ImageSet::from_dataset(&data.load_with(&mut halfstep_data::cli::show_progress())?);
    if images.len() < count {
        say!(
            "note: the held-back images are not measured, because {} are fewer than are sampled from each model",
            counted(images.len(), "image")
        );
        return Ok(None);
    }
    Ok(Some(images.evenly_spaced(count)))
}
