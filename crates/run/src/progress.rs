//! How far a stage has come, read from what training saves.

use std::path::Path;

use halfstep_files::read_text;
use serde::Deserialize;

use crate::layout::{is_state_name, state_prefix};
use crate::stage::Stage;

/// The format of `state.json` that is read.
const FORMAT: u32 = 2;

/// Step and time of a saved state.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct SavedProgress {
    format: u32,
    /// Optimiser steps taken in the stage.
    pub step: u64,
    /// Seconds of training they took, over all starts.
    pub seconds: f64,
}

impl SavedProgress {
    /// Reads the progress of a stage's newest saved state, without a check of its other files; `None` if there is
    /// none.
    pub fn newest(run: &Path, stage: Stage) -> Option<Self> {
        let names = std::fs::read_dir(run.join("state")).ok()?.filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            (is_state_name(&name) && name.starts_with(&state_prefix(stage))).then_some(name)
        });
        let path = run.join("state").join(names.max()?).join("state.json");
        let saved: Self = serde_json::from_str(&read_text(&path).ok()?).ok()?;
        (saved.format == FORMAT).then_some(saved)
    }
}

/// The seconds of training in a model's `halfstep.json`; `None` if that file is missing or damaged.
pub fn train_seconds(model: &Path) -> Option<f64> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct ModelFile {
        provenance: TrainingTime,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct TrainingTime {
        train_seconds: f64,
    }
    let file: ModelFile =
        serde_json::from_str(&read_text(&model.join("halfstep.json")).ok()?).ok()?;
    Some(file.provenance.train_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::state_name;

    #[test]
    fn the_newest_state_of_a_stage_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let (teacher, round) = (Stage::Teacher, Stage::Round { index: 1, num_steps: 8 });
        assert_eq!(SavedProgress::newest(dir.path(), teacher), None);
        for (stage, step, format) in [(teacher, 500, 2), (teacher, 1000, 2), (round, 3000, 1)] {
            let state = dir.path().join("state").join(state_name(stage, step));
            std::fs::create_dir_all(&state).unwrap();
            let text = format!(
                r#"{{"format": {format}, "step": {step}, "seconds": 9.5, "window": {{}}}}"#
            );
            std::fs::write(state.join("state.json"), text).unwrap();
        }
        let expected = SavedProgress { format: 2, step: 1000, seconds: 9.5 };
        assert_eq!(SavedProgress::newest(dir.path(), teacher), Some(expected));
        assert_eq!(SavedProgress::newest(dir.path(), round), None, "another version's");
    }

    #[test]
    fn the_time_of_a_model_is_read_from_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(train_seconds(dir.path()), None);
        let write = |text: &str| std::fs::write(dir.path().join("halfstep.json"), text).unwrap();
        write(r#"{"schedule": null, "provenance": {"role": "teacher", "train_seconds": 12.5}}"#);
        assert_eq!(train_seconds(dir.path()), Some(12.5));
        write("{");
        assert_eq!(train_seconds(dir.path()), None);
    }
}
