//! What the page shows, read from a run folder: of a run that is going on, or long over.

use std::path::Path;
use std::time::SystemTime;

use halfstep_model::{HalfstepFile, read_text};
use halfstep_sample::counted;
use halfstep_sample::output::write_file;

use super::{Nearest, Preview, ReportData, Row, StageProgress, StageState, html, sweep, utc};
use crate::config::Config;
use crate::copies::Copies;
use crate::error::TrainError;
use crate::evaluate::measure;
use crate::metrics::{Metrics, read_metrics};
use crate::progress::{human_bytes, human_time};
use crate::run_folder::has_model;
use crate::run_info::{RunInfo, Standing};
use crate::stage::Stage;
use crate::stage_train::state::Counters;
use crate::summary::Summary;
use crate::sweep::Sweep;

/// Writes `report/index.html` of a run folder, and `sweep.svg` if it was measured against data, and says
/// where the former is.
///
/// # Errors
/// [`TrainError::File`] if `folder` is no run folder, or a file of it is damaged.
pub fn write_report(folder: &Path) -> Result<std::path::PathBuf, TrainError> {
    let data = ReportData::gather(folder)?;
    let path = folder.join("report/index.html");
    write_file(&path, html(&data).as_bytes())?;
    if let Some(svg) = data.sweep.as_ref().and_then(sweep::svg) {
        write_file(&folder.join("report/sweep.svg"), svg.as_bytes())?;
    }
    Ok(path)
}

impl ReportData {
    /// Reads a run folder. What is not there yet is left out.
    fn gather(folder: &Path) -> Result<Self, TrainError> {
        let path = folder.join("config.toml");
        if !path.is_file() {
            let problem = "no run folder: there is no config.toml in it (expected the folder that \
                           train --config writes into, such as runs/NAME)";
            return Err(TrainError::file(folder, problem));
        }
        let text = read_text(&path).map_err(|error| TrainError::file(&path, error))?;
        let config: Config = toml::from_str(&text)
            .map_err(|error| TrainError::file(&path, format!("damaged: {error}")))?;
        let metrics = read_metrics(&folder.join("metrics.jsonl"))?;
        let summary = Summary::read(folder)?.rounds;
        let info = RunInfo::read(folder);
        let stages = stages(folder, &config, &metrics);
        let complete = stages.iter().all(|stage| stage.state == StageState::Done);
        Ok(Self {
            name: config.name.clone(),
            written: utc(SystemTime::now()),
            finished: complete && summary.len() == stages.len(),
            stopped: info.as_ref().is_some_and(|info| info.standing == Standing::Stopped),
            problem: info.as_ref().and_then(|info| match &info.standing {
                Standing::Failed(problem) => Some(problem.clone()),
                _ => None,
            }),
            plan: info.as_ref().map(plan).unwrap_or_default(),
            stages,
            metrics,
            summary,
            // Made after the run: what is wrong with it must not cost the run its report.
            sweep: Sweep::read(folder).unwrap_or_default(),
            rows: rows(folder, &config),
            previews: previews(folder, &config),
            nearest: nearest(folder),
            facts: facts(&config, info.as_ref()),
            config: text,
            commands: commands(folder, &config),
        })
    }
}

fn plan(info: &RunInfo) -> Vec<(String, String)> {
    let plan = &info.plan;
    let rows = [
        ("images", &plan.title),
        ("classes", &plan.classes),
        ("network", &plan.network),
        ("teacher", &plan.teacher),
        ("rounds", &plan.rounds),
    ];
    // An unconditional network has no classes to tell of.
    let told = rows.into_iter().filter(|(_, how)| !how.is_empty());
    told.map(|(what, how)| (what.to_owned(), how.clone())).collect()
}

fn stages(folder: &Path, config: &Config, metrics: &[Metrics]) -> Vec<StageProgress> {
    let mut before_is_done = true;
    let progress = |stage: Stage| {
        let total = config.stage_steps(stage);
        let model = folder.join(stage.folder());
        let learned = metrics.iter().filter(|line| line.stage == stage.index());
        let saved = Counters::newest(folder, stage);
        let told = learned.map(|line| line.step).max().unwrap_or(0);
        let (done, state) = match (has_model(&model), before_is_done) {
            (true, _) => (total, StageState::Done),
            (false, true) => {
                (told.max(saved.as_ref().map_or(0, |saved| saved.step)), StageState::Running)
            }
            (false, false) => (0, StageState::Waiting),
        };
        before_is_done = state == StageState::Done;
        StageProgress {
            label: stage.to_string(),
            num_steps: stage.num_steps().unwrap_or(config.distill.teacher_steps),
            done,
            total,
            seconds: HalfstepFile::read(&model)
                .map(|file| file.provenance.train_seconds)
                // Up to the last saved state; what came after it is told for as long.
                .or(saved.map(|saved| saved.seconds * done as f64 / saved.step.max(1) as f64)),
            state,
        }
    };
    config.stages().into_iter().map(progress).collect()
}

/// Full grid, every student, and last what the teacher draws in as many steps as the last student.
fn rows(folder: &Path, config: &Config) -> Vec<Row> {
    let row = |which: measure::Row, label: String, note: &str| {
        let png = std::fs::read(which.path(folder)).ok()?;
        Some(Row { label, note: note.to_owned(), png })
    };
    let (full, rounds) = (config.distill.teacher_steps, config.rounds());
    let named = |who: &str, n: usize| format!("{who}, {}", counted(n, "step"));
    let teacher = |n: usize, note| row(measure::Row::Teacher(n), named("teacher", n), note);
    let student = |&n: &usize| row(measure::Row::Student(n), named("student", n), "");
    let first = teacher(full, "what students are measured against");
    let undistilled = rounds.iter().rev().find_map(|&n| teacher(n, "not distilled"));
    first.into_iter().chain(rounds.iter().filter_map(student)).chain(undistilled).collect()
}

fn previews(folder: &Path, config: &Config) -> Vec<Preview> {
    let samples = folder.join("samples");
    let of_stage = |stage: Stage| {
        let prefix = format!("{}_", stage.folder().replace('/', "_"));
        let mut found: Vec<(u64, std::path::PathBuf)> = std::fs::read_dir(&samples)
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let step =
                    path.file_name()?.to_str()?.strip_prefix(&prefix)?.strip_suffix(".png")?;
                Some((step.parse().ok()?, path))
            })
            .collect();
        found.sort();
        let preview = move |(step, path)| {
            let png = std::fs::read(path).ok()?;
            Some(Preview { label: stage.to_string(), step, png })
        };
        found.into_iter().filter_map(preview)
    };
    config.stages().into_iter().flat_map(of_stage).collect()
}

fn nearest(folder: &Path) -> Option<Nearest> {
    let (copies, png) = Copies::read(folder)?;
    Some(Nearest {
        png,
        distances: copies.distances,
        typical: copies.typical,
        metric: "root mean squared difference of pixels in [-1, 1]".to_owned(),
    })
}

fn facts(config: &Config, info: Option<&RunInfo>) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    if let Some(info) = info {
        let starts = match info.starts {
            0 | 1 => String::new(),
            starts => format!(", in {starts} starts"),
        };
        let memory = info
            .peak_memory_bytes
            .map_or("not known on this system".to_owned(), |bytes| human_bytes(bytes as f64));
        facts.extend([
            ("device", info.device.clone()),
            ("system", info.system.clone()),
            ("time", format!("{} in all{starts}", human_time(info.seconds))),
            ("peak memory", format!("{memory} of the process")),
            ("versions", info.program.clone()),
            ("dataset", format!("{}, SHA-256 {}", info.dataset, info.dataset_sha256)),
        ]);
    }
    facts.push(("seed", config.seed.to_string()));
    facts.into_iter().map(|(what, how)| (what.to_owned(), how)).collect()
}

fn commands(folder: &Path, config: &Config) -> Vec<(String, String)> {
    // Without a slash at its end, and by its name where it is the current folder.
    let folder: std::path::PathBuf = match folder.file_name() {
        Some(_) => folder.components().collect(),
        None => folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf()),
    };
    let run = quoted(&folder.display().to_string());
    let mut commands = vec![(
        "The whole run again, to the same weights on the same kind of CPU:",
        format!("cargo run -p train -- --config {run}/config.toml --out {run}-again"),
    )];
    let last = config.stages().last().copied().unwrap_or(Stage::Teacher).folder();
    commands.push((
        "64 images of the last model:",
        format!("cargo run -p sample -- --model {run}/{last} --out grid.png"),
    ));
    if last != Stage::Teacher.folder() {
        commands.push((
            "Which sampler does as well on the teacher:",
            format!(
                "cargo run -p sample -- --model {run}/teacher --compare ddim,dpm-solver++-2m,heun \\\n  --student {run}/{last} --count 64 --out compare.png"
            ),
        ));
    }
    commands.push((
        "Quality against steps, into this page:",
        format!("cargo run -p eval -- --sweep {run}"),
    ));
    commands.push((
        "This run, if it was stopped:",
        format!("cargo run -p train -- --config {run}/config.toml --out {run}"),
    ));
    commands.push(("This page again:", format!("cargo run -p train -- --report {run}")));
    commands.into_iter().map(|(what, how)| (what.to_owned(), how)).collect()
}

/// As a shell takes it for one word.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    match !path.is_empty() && path.chars().all(plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_one_word_to_a_shell() {
        assert_eq!(quoted("runs/digits"), "runs/digits");
        assert_eq!(quoted("my runs/it's"), r"'my runs/it'\''s'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn what_is_no_run_folder_is_refused_and_nothing_is_written() {
        let dir = tempfile::tempdir().unwrap();
        for folder in [dir.path().to_path_buf(), dir.path().join("none")] {
            let message = write_report(&folder).unwrap_err().to_string();
            assert!(message.contains("no run folder"), "{message}");
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        std::fs::write(dir.path().join("config.toml"), "name = ").unwrap();
        let message = write_report(dir.path()).unwrap_err().to_string();
        assert!(message.contains("config.toml") && message.contains("damaged"), "{message}");
    }
}
