//! `--sweep`: a run's teacher and students, quality against steps.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context, bail};
use halfstep_data::cli::show_progress;
use halfstep_data::{DataConfig, Split};
use halfstep_eval::Pictures;
use halfstep_model::read_text;
use halfstep_sample::{SamplerKind, counted, output};
use halfstep_train::{Config, Stage, Sweep, SweepRow, load_config, write_report};

use crate::args::Args;
use crate::as_trained::{Generated, read_as_trained};
use crate::cache::chunks;
use crate::compare::{note, note_sizes, part};
use crate::drawing::Drawn;
use crate::job::Job;
use crate::judge::{Court, Judge};
use crate::measures::to_json;
use crate::sides::{Reference, Side, reference};

/// Images of each model if nobody says how many.
const IMAGES: usize = 2000;

pub fn run(args: &Args, run: &Path, job: &Job) -> anyhow::Result<()> {
    let config = config(run)?;
    let teacher = Drawn::load(&run.join(Stage::Teacher.folder()), job).context("--sweep")?;
    let students = students(run, &config, job)?;
    let ways = teacher_ways(args, &config, &teacher)?;
    output::check_dir(&run.join("report"))?;
    let images = args.count.map_or(IMAGES, |count| count as usize);

    let Against { name, real, held_back } = against(args, run, &config, teacher.shape)?;
    let reference_images = real.len();
    let full_grid = config.distill.teacher_steps;
    let full = drawn(&teacher, None, Some(full_grid), images)?;
    let judge = Judge::of(args, &full, &real, job)?;
    note(&judge, images, reference_images)?;
    note_sizes(&full, &real)?;
    halfstep_sample::say!(
        "{} of the teacher and {}, {} each, against {name}; drawn images are kept in {}",
        counted(ways.len(), "way"),
        counted(students.len(), "student"),
        counted(images, "image"),
        job.cache.dir().display()
    );
    let court = Court::open(judge, real, job)?;
    let mut sweep = Sweep {
        measure: court.judge.measure(),
        network: court.judge.network().map(str::to_owned),
        reference: name,
        reference_images,
        images,
        seed: job.seed,
        held_back: match held_back {
            Some(data) => of_real(&court, &data, images, job)?,
            None => None,
        },
        rows: Vec::new(),
    };

    for (kind, steps) in ways {
        let is_full = kind == SamplerKind::default() && steps == full_grid;
        let side = drawn(&teacher, Some(kind), Some(steps), images)?;
        let others = if is_full { None } else { Some(&full) };
        sweep.rows.push(row("teacher", &court, &side, others, job)?);
    }
    for student in &students {
        let side = drawn(student, None, None, images)?;
        sweep.rows.push(row("student", &court, &side, Some(&full), job)?);
    }
    publish(&sweep, run, args.json.as_deref())
}

/// Into the run's report, standard output and `json`.
fn publish(sweep: &Sweep, run: &Path, json: Option<&Path>) -> anyhow::Result<()> {
    sweep.write(run)?;
    write_report(run)?;
    halfstep_sample::answer!("{}", sweep.table().trim_end());
    halfstep_sample::say!("plot: {}", run.join("report/index.html").display());
    if let Some(path) = json {
        output::write_file(path, serde_json::to_string_pretty(sweep)?.as_bytes())?;
    }
    Ok(())
}

/// What a run is measured against.
struct Against {
    name: String,
    real: Reference,
    /// Images of the same kind that were not trained on, if there are any.
    held_back: Option<DataConfig>,
}

/// `--reference`, or what the run was trained on. The models draw images of `shape`.
fn against(args: &Args, run: &Path, config: &Config, shape: [usize; 3]) -> anyhow::Result<Against> {
    if let Some(name) = &args.reference {
        let mut real = part(reference(args, name)?, args)?;
        if args.as_trained {
            read_as_trained(Generated::Drawn(shape), &mut real)?;
        }
        return Ok(Against { name: name.clone(), real, held_back: None });
    }
    if args.split.is_some() {
        bail!("--split: goes with --reference; without it the run's own images are taken");
    }
    if args.as_trained {
        bail!("--as-trained: goes with --reference; the run's own images are read so in any case");
    }
    let data = match args.data_dir.as_deref() {
        Some(_) if config.data == (DataConfig::Digits {}) => {
            bail!("--data-dir: the run's digits are part of the program; leave it out")
        }
        Some(dir) => config.data.clone().in_dir(dir),
        None => config.data.clone(),
    };
    let path = run.join("dataset.sha256");
    let learned = read_text(&path).with_context(|| path.display().to_string())?;
    let dataset = halfstep_sample::load_dataset(&data)?.known_as(learned.trim());
    if learned.trim() != dataset.sha256() {
        bail!(
            "--sweep: {} is not what the run was trained on (SHA-256 {}, then {}); bring those images back, or \
             name these with --reference",
            data.describe(),
            dataset.sha256(),
            learned.trim()
        );
    }
    let real = part(Reference::Pictures(Pictures::from_dataset(&dataset)), args)?;
    Ok(Against { name: dataset.name().to_owned(), real, held_back: held_back(&data) })
}

fn config(run: &Path) -> anyhow::Result<Config> {
    let path = run.join("config.toml");
    if !path.is_file() {
        bail!(
            "--sweep {}: no run folder: there is no config.toml in it (expected the folder that train \
             --config writes into, such as runs/NAME)",
            run.display()
        );
    }
    Ok(load_config(&path, &[])?)
}

/// Those that are finished.
fn students(run: &Path, config: &Config, job: &Job) -> anyhow::Result<Vec<Drawn>> {
    let folders = config.stages().into_iter().filter(|stage| *stage != Stage::Teacher);
    let folders = folders.map(|stage| run.join(stage.folder()));
    folders
        .filter(|folder| folder.join("model_index.json").is_file())
        .map(|folder| Drawn::load(&folder, job).context("--sweep"))
        .collect()
}

/// Full grid first: everything else is told how far it is from that.
fn teacher_ways(
    args: &Args,
    config: &Config,
    teacher: &Drawn,
) -> anyhow::Result<Vec<(SamplerKind, usize)>> {
    let steps: Vec<usize> = match args.sweep_steps.is_empty() {
        true => config.rounds(),
        false => args.sweep_steps.iter().map(|&steps| steps as usize).collect(),
    };
    let mut ways = vec![(SamplerKind::default(), config.distill.teacher_steps)];
    for kind in samplers(args, teacher)? {
        ways.extend(steps.iter().map(|&steps| (kind, steps)));
    }
    let mut seen = HashSet::new();
    ways.retain(|(kind, steps)| seen.insert((kind.name(), *steps)));
    // What cannot be drawn is found out before anything is.
    for &(kind, steps) in &ways {
        let flags = match (args.samplers.is_empty(), args.sweep_steps.is_empty()) {
            (false, _) => "--samplers, --sweep-steps",
            (true, false) => "--sweep-steps",
            (true, true) => "--sweep",
        };
        teacher.way(Some(kind), Some(steps)).with_context(|| {
            format!(
                "{flags}: {kind} cannot draw this teacher in {}; take others",
                counted(steps, "step")
            )
        })?;
    }
    Ok(ways)
}

/// Those of the flag, or the usual ones.
fn samplers(args: &Args, teacher: &Drawn) -> anyhow::Result<Vec<SamplerKind>> {
    if !args.samplers.is_empty() {
        return Ok(args.samplers.clone());
    }
    let mut names = vec!["ddim", "dpm-solver++-2m"];
    match teacher.gamma() {
        Ok(_) => names.push("analytic-ddim"),
        Err(error) => halfstep_sample::say!("note: without analytic-ddim: {error}"),
    }
    names.into_iter().map(|name| name.parse().map_err(anyhow::Error::msg)).collect()
}

fn drawn(
    of: &Drawn,
    kind: Option<SamplerKind>,
    steps: Option<usize>,
    count: usize,
) -> anyhow::Result<Side<'_>> {
    Ok(Side::Drawn { of, way: of.way(kind, steps)?, count })
}

fn row(
    model: &str,
    court: &Court,
    side: &Side<'_>,
    full: Option<&Side<'_>>,
    job: &Job,
) -> anyhow::Result<SweepRow> {
    let Side::Drawn { way, .. } = side else { bail!("{} was not drawn", side.name()) };
    halfstep_sample::say!("{}", side.name());
    let measures = court.measures(side, job)?;
    let distance = measures.first().context("nothing was measured")?.value;
    Ok(SweepRow {
        model: model.to_owned(),
        sampler: way.kind.name().to_owned(),
        num_steps: way.num_steps,
        calls: way.calls(),
        distance,
        agreement: full.map(|full| agreement(side, full, job)).transpose()?,
        measures: to_json(&measures),
    })
}

/// Of images from the same noises.
fn agreement(one: &Side<'_>, other: &Side<'_>, job: &Job) -> anyhow::Result<f64> {
    let mut sum = 0.0;
    for which in chunks(one.len()) {
        let count = which.len() as f64;
        let one = one.chunk(which.clone(), job, &mut |_| {})?;
        sum += count * one.mean_squared_difference(&other.chunk(which, job, &mut |_| {})?)?;
    }
    Ok(sum / one.len() as f64)
}

/// The split that was not trained on, if there is one.
fn held_back(data: &DataConfig) -> Option<DataConfig> {
    let other = match data.split()? {
        Split::Train => Split::Test,
        Split::Test => Split::Train,
    };
    data.clone().of_split(other)
}

/// As many of them as of each model: a distance depends on how many there are.
fn of_real(
    court: &Court,
    data: &DataConfig,
    images: usize,
    job: &Job,
) -> anyhow::Result<Option<f64>> {
    let pictures = Pictures::from_dataset(&data.load_with(&mut show_progress())?);
    if pictures.len() < images {
        halfstep_sample::say!(
            "note: {} held back, fewer than are drawn of each model: not measured",
            counted(pictures.len(), "image")
        );
        return Ok(None);
    }
    let side = Side::kept(pictures.spread(images))?;
    let measures = court.measures(&side, job)?;
    Ok(Some(measures.first().context("nothing was measured")?.value))
}
