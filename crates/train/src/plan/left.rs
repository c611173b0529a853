//! What is done of a run and what is left, from its folder only.

use std::path::Path;

use halfstep_run::layout::{CARD, COMPARISON, SampleRow, has_model};
use halfstep_run::{Memorisation, Stage, Summary};

use crate::config::resolved::ResolvedConfig;
use crate::error::TrainError;
use crate::stage::saved_states::SavedStates;

/// A stage and its remaining work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageLeft {
    /// The teacher or a student.
    pub stage: Stage,
    /// Optimiser steps of the whole stage.
    pub steps: u64,
    /// Optimiser steps that remain; 0 once the stage's model folder exists.
    pub left: u64,
    /// Whether the stage's model was measured and its pictures were drawn.
    pub measured: bool,
}

impl StageLeft {
    /// Whether nothing remains to be done.
    pub fn is_done(&self) -> bool {
        self.left == 0 && self.measured
    }

    /// Whether at least a saved state or a model exists.
    pub fn is_begun(&self) -> bool {
        self.left < self.steps || self.measured
    }
}

/// The stages of a run that has not begun.
pub fn left_from_the_start(config: &ResolvedConfig) -> Vec<StageLeft> {
    let whole = |stage| {
        let steps = config.stage_steps(stage);
        StageLeft { stage, steps, left: steps, measured: false }
    };
    config.stages.iter().copied().map(whole).collect()
}

/// The stages of the run in `folder`, which need not exist. Nothing is written or locked. Saved states are not
/// verified; only their names are read.
///
/// # Errors
/// [`TrainError::File`] if the saved states cannot be read, or the summary is damaged.
pub fn left_of(config: &ResolvedConfig, folder: &Path) -> Result<Vec<StageLeft>, TrainError> {
    let (states, summary) = (SavedStates::at(folder.join("state")), Summary::read(folder)?);
    let of_stage = |whole: StageLeft| {
        let has_model = has_model(&folder.join(whole.stage.folder()));
        let done = if has_model { whole.steps } else { states.newest_step(whole.stage)? };
        Ok(StageLeft {
            left: whole.steps.saturating_sub(done),
            measured: has_model && is_measured(config, folder, whole.stage, &summary),
            ..whole
        })
    };
    left_from_the_start(config).into_iter().map(of_stage).collect()
}

/// Whether a run folder has a stage's row of the summary, its card and its pictures.
pub(crate) fn is_measured(
    config: &ResolvedConfig,
    folder: &Path,
    stage: Stage,
    summary: &Summary,
) -> bool {
    let rows = SampleRow::of_stage(stage, config.distill.teacher_steps);
    let is_last = config.stages.last() == Some(&stage);
    summary.of_stage(stage.index()).is_some()
        && folder.join(stage.folder()).join(CARD).is_file()
        && rows.into_iter().all(|row| row.path(folder).is_file())
        && (!is_last || folder.join(COMPARISON).is_file() && Memorisation::read(folder).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::job::digits;

    #[test]
    fn models_and_saved_states_are_counted_and_nothing_is_written() {
        let config = digits(&["distill.teacher_steps=16", "distill.student_steps=4"]).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("run");
        let left = |folder: &Path| -> Vec<u64> {
            left_of(&config, folder).unwrap().iter().map(|stage| stage.left).collect()
        };
        let (teacher, round) = (config.teacher.train_steps, config.distill.train_steps);
        assert_eq!(left(&folder), [teacher, round, round]);
        assert!(!folder.exists());

        std::fs::create_dir_all(folder.join("teacher")).unwrap();
        std::fs::write(folder.join("teacher/model_index.json"), "{}").unwrap();
        std::fs::create_dir_all(folder.join("state/01-0000000100")).unwrap();
        let found = left_of(&config, &folder).unwrap();
        assert_eq!(left(&folder), [0, round - 100, round]);
        assert!(!found[0].is_done() && found[0].is_begun(), "the teacher is not measured yet");
        assert!(found[1].is_begun() && !found[2].is_begun());
    }
}
