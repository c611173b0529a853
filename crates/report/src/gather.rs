//! Reads what the page shows from a run folder, of a run that is under way or long over.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use halfstep_files::{human_bytes, write_file};
use halfstep_run::layout::{self, SampleRow, has_model};
use halfstep_run::{
    Memorisation, Metrics, RunInfo, RunSettings, RunStatus, SavedProgress, Stage, Summary, Sweep,
    counted, human_time, read_metrics, train_seconds,
};

use crate::commands::commands;
use crate::data::{ImageRow, NearestImages, PreviewImage, ReportData, StageProgress, StageState};
use crate::date::utc;
use crate::error::ReportError;
use crate::page::{html, sweep};

/// Writes `report/index.html` of a run folder and returns its path. If the run was measured against real images, the
/// chart of that is written beside it, as `sweep.svg`.
///
/// # Errors
/// [`ReportError::Run`] if `run` is no run folder, a file of it is damaged, or the page cannot be written.
pub fn write_report(run: &Path) -> Result<PathBuf, ReportError> {
    let data = ReportData::read(run)?;
    let path = run.join(layout::PAGE);
    write_file(&path, html(&data).as_bytes())?;
    if let Some(svg) = data.sweep.as_ref().and_then(sweep::svg) {
        write_file(&run.join(layout::SWEEP_CHART), svg.as_bytes())?;
    }
    Ok(path)
}

impl ReportData {
    /// Reads a run folder. What is not there yet is left out.
    fn read(run: &Path) -> Result<Self, ReportError> {
        let settings = RunSettings::read(run)?;
        let metrics = read_metrics(&run.join(layout::METRICS))?;
        let summary = Summary::read(run)?.rounds;
        let info = RunInfo::read(run);
        let status = info.as_ref().map(|info| &info.status);
        let stages = stages(run, &settings, &metrics);
        let complete = stages.iter().all(|stage| stage.state == StageState::Done);
        Ok(Self {
            name: settings.name.clone(),
            written: utc(SystemTime::now()),
            finished: complete && summary.len() == stages.len(),
            stopped: status == Some(&RunStatus::Stopped),
            problem: match status {
                Some(RunStatus::Failed(problem)) => Some(problem.clone()),
                _ => None,
            },
            plan: info.as_ref().map(plan).unwrap_or_default(),
            stages,
            metrics,
            summary,
            // It is made after the run: a damaged sweep must not cost the run its report.
            sweep: Sweep::read(run).unwrap_or_default(),
            rows: rows(run, &settings),
            previews: previews(run, &settings),
            nearest: nearest(run),
            facts: facts(&settings, info.as_ref()),
            config: settings.text().to_owned(),
            commands: commands(run, &settings),
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
    // A network without class labels has no classes to show.
    let known = rows.into_iter().filter(|(_, value)| !value.is_empty());
    known.map(|(name, value)| (name.to_owned(), value.clone())).collect()
}

fn stages(run: &Path, settings: &RunSettings, metrics: &[Metrics]) -> Vec<StageProgress> {
    let mut previous_is_done = true;
    let progress = |stage: Stage| {
        let total = settings.train_steps(stage);
        let model = run.join(stage.folder());
        let saved = SavedProgress::newest(run, stage);
        let logged = metrics.iter().filter(|line| line.stage == stage.index());
        let logged = logged.map(|line| line.step).max().unwrap_or(0);
        let (done, state) = match (has_model(&model), previous_is_done) {
            (true, _) => (total, StageState::Done),
            (false, true) => (logged.max(saved.map_or(0, |saved| saved.step)), StageState::Running),
            (false, false) => (0, StageState::Waiting),
        };
        previous_is_done = state == StageState::Done;
        // Steps after the saved state are taken to be as fast as those before it.
        let extrapolated =
            saved.map(|saved| saved.seconds * done as f64 / saved.step.max(1) as f64);
        StageProgress {
            label: stage.to_string(),
            num_steps: stage.num_steps().unwrap_or(settings.teacher_steps()),
            done,
            total,
            seconds: train_seconds(&model).or(extrapolated),
            state,
        }
    };
    settings.stages().into_iter().map(progress).collect()
}

/// The teacher in all its steps, every student, and last the teacher in as many steps as the last student that has
/// such a row.
fn rows(run: &Path, settings: &RunSettings) -> Vec<ImageRow> {
    let row = |row: SampleRow, note: &str| {
        let png = std::fs::read(row.path(run)).ok()?;
        let (model, steps) = match row {
            SampleRow::Teacher(steps) => ("teacher", steps),
            SampleRow::Student(steps) => ("student", steps),
        };
        let label = format!("{model}, {}", counted(steps, "step"));
        Some(ImageRow { label, note: note.to_owned(), png })
    };
    let students = settings.student_steps();
    let teacher =
        row(SampleRow::Teacher(settings.teacher_steps()), "the reference of all students");
    let undistilled =
        students.iter().rev().find_map(|&steps| row(SampleRow::Teacher(steps), "not distilled"));
    let students = students.iter().filter_map(|&steps| row(SampleRow::Student(steps), ""));
    teacher.into_iter().chain(students).chain(undistilled).collect()
}

fn previews(run: &Path, settings: &RunSettings) -> Vec<PreviewImage> {
    let of_stage = |stage: Stage| {
        let found = layout::previews(run, stage).into_iter();
        found.filter_map(move |(step, path)| {
            let png = std::fs::read(path).ok()?;
            Some(PreviewImage { label: stage.to_string(), step, png })
        })
    };
    settings.stages().into_iter().flat_map(of_stage).collect()
}

fn nearest(run: &Path) -> Option<NearestImages> {
    let (Memorisation { distances, typical, .. }, png) = Memorisation::read(run)?;
    let metric = "root mean squared difference of pixels in [-1, 1]".to_owned();
    Some(NearestImages { png, distances, typical, metric })
}

fn facts(settings: &RunSettings, info: Option<&RunInfo>) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    if let Some(info) = info {
        let starts = match info.starts {
            0 | 1 => String::new(),
            starts => format!(", over {starts} starts"),
        };
        let memory = match info.peak_memory_bytes {
            Some(bytes) => format!("{} of the process", human_bytes(bytes)),
            None => "not known on this system".to_owned(),
        };
        facts.extend([
            ("device", info.device.clone()),
            ("system", info.system.clone()),
            ("time", format!("{} in total{starts}", human_time(info.seconds))),
            ("peak memory", memory),
            ("versions", info.program.clone()),
            ("dataset", format!("{}, SHA-256 {}", info.dataset, info.dataset_sha256)),
        ]);
    }
    facts.push(("seed", settings.seed.to_string()));
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_folder_is_refused_and_nothing_is_written() {
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
