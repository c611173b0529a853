//! The names of the files in a run folder.

use std::path::{Path, PathBuf};

use crate::stage::Stage;

/// Every setting of the run, defaults included.
pub const CONFIG: &str = "config.toml";
/// SHA-256 of the images that the run learns from.
pub const DATASET: &str = "dataset.sha256";
/// SHA-256 of a teacher that was trained elsewhere.
pub const ORIGINAL: &str = "original.sha256";
/// One line of metrics every few steps.
pub const METRICS: &str = "metrics.jsonl";
/// The report, a web page.
pub const PAGE: &str = "report/index.html";
/// The chart of a sweep.
pub const SWEEP_CHART: &str = "report/sweep.svg";
/// Rows of images that compare the last student with its teacher.
pub const COMPARISON: &str = "samples/comparison.png";
/// Samples above, the training images nearest to them below.
pub const NEAREST: &str = "samples/nearest.png";

/// The card in a model folder; it is written after everything else.
pub const CARD: &str = "README.md";

/// Whether a model folder is complete: it appears by a rename, with this file in it.
pub fn has_model(folder: &Path) -> bool {
    folder.join("model_index.json").is_file()
}

/// A row of images that one model drew from the start noises that all rows of the run share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleRow {
    /// Drawn by the teacher in this many steps.
    Teacher(usize),
    /// Drawn by the student of this many steps.
    Student(usize),
}

impl SampleRow {
    /// The rows that belong to a stage; the teacher's own has `teacher_steps`.
    pub fn of_stage(stage: Stage, teacher_steps: usize) -> Vec<Self> {
        match stage {
            Stage::Teacher => vec![Self::Teacher(teacher_steps)],
            Stage::Round { num_steps, .. } => {
                vec![Self::Teacher(num_steps), Self::Student(num_steps)]
            }
        }
    }

    /// Its picture in the run folder: `samples/rows/student_0004.png`.
    pub fn path(self, run: &Path) -> PathBuf {
        let (model, num_steps) = match self {
            Self::Teacher(num_steps) => ("teacher", num_steps),
            Self::Student(num_steps) => ("student", num_steps),
        };
        run.join(format!("samples/rows/{model}_{num_steps:04}.png"))
    }
}

/// The picture of samples drawn after `step` steps of a stage: `samples/students_0032_000500.png`.
pub fn preview(run: &Path, stage: Stage, step: u64) -> PathBuf {
    run.join(format!("samples/{}_{step:06}.png", stage.flat_name()))
}

/// All such pictures of a stage with their steps, in the order of the steps.
pub fn previews(run: &Path, stage: Stage) -> Vec<(u64, PathBuf)> {
    let prefix = format!("{}_", stage.flat_name());
    let entries = std::fs::read_dir(run.join("samples")).into_iter().flatten().flatten();
    let mut found: Vec<(u64, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let step = name.to_str()?.strip_prefix(&prefix)?.strip_suffix(".png")?;
            Some((step.parse().ok()?, entry.path()))
        })
        .collect();
    found.sort();
    found
}

/// The folder of a stage's TensorBoard event files: `tensorboard/students_0032`.
pub fn events(run: &Path, stage: Stage) -> PathBuf {
    run.join("tensorboard").join(stage.flat_name())
}

/// The name of a saved state in `state/`: `01-0000000500` is that of stage 1 after step 500. In the order of
/// their names, states are in the order of the run.
pub fn state_name(stage: Stage, step: u64) -> String {
    format!("{}{step:010}", state_prefix(stage))
}

/// The beginning of [`state_name`] for all states of a stage.
pub fn state_prefix(stage: Stage) -> String {
    format!("{:02}-", stage.index())
}

/// Whether a name has the form of [`state_name`].
pub fn is_state_name(name: &str) -> bool {
    let digits =
        |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    name.split_once('-').is_some_and(|(stage, step)| digits(stage, 2) && digits(step, 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previews_of_a_stage_are_found_in_the_order_of_their_steps() {
        let dir = tempfile::tempdir().unwrap();
        let (teacher, round) = (Stage::Teacher, Stage::Round { index: 1, num_steps: 32 });
        std::fs::create_dir(dir.path().join("samples")).unwrap();
        let wanted = [(teacher, 1000), (teacher, 500), (round, 500), (teacher, 1_500_000)];
        for (stage, step) in wanted {
            std::fs::write(preview(dir.path(), stage, step), "").unwrap();
        }
        std::fs::write(dir.path().join("samples/teacher_last.png"), "").unwrap();
        let steps = |stage| -> Vec<u64> {
            previews(dir.path(), stage).into_iter().map(|(step, _)| step).collect()
        };
        assert_eq!(steps(teacher), [500, 1000, 1_500_000]);
        assert_eq!(steps(round), [500]);
        assert!(previews(&dir.path().join("none"), teacher).is_empty());
    }

    #[test]
    fn states_are_recognised_by_their_names() {
        let name = state_name(Stage::Round { index: 1, num_steps: 8 }, 500);
        assert_eq!(name, "01-0000000500");
        assert!(is_state_name(&name));
        for other in [".01-0000000500.new", "01-500", "notes", "1-0000000500", "01-000000050x"] {
            assert!(!is_state_name(other), "{other}");
        }
    }
}
