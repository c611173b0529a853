//! `state/`: the last two saved states of the stage in training, with checksums.

use std::path::{Path, PathBuf};

use halfstep_model::{ModelError, verify_checksums, write_atomically, write_checksums};
use halfstep_run::Stage;
use halfstep_run::layout::{is_state_name, state_name, state_prefix};

use crate::error::TrainError;

/// The folder of saved states. `state/00-0000000500/` is the state of the teacher (stage 0) after step 500.
/// Each state appears by a rename and never changes afterwards.
pub(crate) struct SavedStates {
    dir: PathBuf,
}

/// The state from which a stage can continue.
#[derive(Debug, Default)]
pub(crate) struct NewestState {
    /// The newest undamaged state.
    pub whole: Option<PathBuf>,
    /// What is wrong with each newer state.
    pub damaged: Vec<String>,
}

impl SavedStates {
    /// Opens the folder, which need not exist, and removes states that a dead process left half written.
    ///
    /// # Errors
    /// [`TrainError::File`] if it cannot be read, or was written by another version.
    pub fn open(dir: PathBuf) -> Result<Self, TrainError> {
        if dir.join("state.json").exists() {
            let problem = "was saved by an earlier version and can only be continued by it; delete the folder to \
                           restart this stage";
            return Err(TrainError::file(&dir, problem));
        }
        let states = Self { dir };
        for (name, path) in states.entries()? {
            let half = name.strip_prefix('.').and_then(|name| name.split_once('.'));
            if half.is_some_and(|(name, _)| is_state_name(name)) {
                remove(&path)?;
            }
        }
        Ok(states)
    }

    /// The folder for reading only: nothing is removed.
    pub fn at(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Saves a state atomically: `fill` writes its files into the folder it is given. Then removes all older
    /// states except the previous one.
    ///
    /// # Errors
    /// [`TrainError::Model`] with the error of `fill` or of writing; earlier states stay.
    pub fn save(
        &self,
        stage: Stage,
        step: u64,
        fill: impl FnOnce(&Path) -> Result<(), ModelError>,
    ) -> Result<(), TrainError> {
        let saved = state_name(stage, step);
        write_atomically(&self.dir.join(&saved), |folder| {
            fill(folder)?;
            Ok::<(), ModelError>(write_checksums(folder)?)
        })?;
        // A newer state than this one is damaged: the stage continued from an older state.
        let before = self.of(stage)?.into_iter().rfind(|(name, _)| *name < saved);
        for (name, path) in self.entries()? {
            let kept = name == saved || before.as_ref().is_some_and(|(before, _)| name == *before);
            if is_state_name(&name) && !kept {
                remove(&path)?;
            }
        }
        Ok(())
    }

    /// The newest undamaged state of a stage.
    ///
    /// # Errors
    /// [`TrainError::File`] if there are states and all are damaged.
    pub fn newest(&self, stage: Stage) -> Result<NewestState, TrainError> {
        let mut found = NewestState::default();
        for (_, path) in self.of(stage)?.into_iter().rev() {
            match verify_checksums(&path) {
                Ok(()) => {
                    found.whole = Some(path);
                    return Ok(found);
                }
                Err(error) => found.damaged.push(error.to_string()),
            }
        }
        match found.damaged.is_empty() {
            true => Ok(found),
            false => Err(TrainError::file(
                &self.dir,
                format!(
                    "every saved state of {stage} is damaged ({}); delete the folder to restart this stage",
                    found.damaged.join("; ")
                ),
            )),
        }
    }

    /// The step of a stage's newest state, from the state's name only; 0 if there is none.
    ///
    /// # Errors
    /// [`TrainError::File`] if the folder cannot be read.
    pub fn newest_step(&self, stage: Stage) -> Result<u64, TrainError> {
        let step = |(name, _): (String, PathBuf)| name.split_once('-')?.1.parse().ok();
        Ok(self.of(stage)?.pop().and_then(step).unwrap_or(0))
    }

    /// Deletes all states, after the run is complete.
    ///
    /// # Errors
    /// [`TrainError::File`].
    pub fn remove(&self) -> Result<(), TrainError> {
        if self.dir.exists() { remove(&self.dir) } else { Ok(()) }
    }

    /// The states of a stage, oldest first.
    fn of(&self, stage: Stage) -> Result<Vec<(String, PathBuf)>, TrainError> {
        let mut states = self.entries()?;
        states.retain(|(name, _)| is_state_name(name) && name.starts_with(&state_prefix(stage)));
        states.sort();
        Ok(states)
    }

    fn entries(&self) -> Result<Vec<(String, PathBuf)>, TrainError> {
        if !self.dir.exists() {
            return Ok(Vec::new());
        }
        let wrong = |error| TrainError::file(&self.dir, error);
        let entries = std::fs::read_dir(&self.dir).map_err(wrong)?;
        entries
            .map(|entry| {
                let entry = entry.map_err(wrong)?;
                Ok((entry.file_name().to_string_lossy().into_owned(), entry.path()))
            })
            .collect()
    }
}

fn remove(path: &Path) -> Result<(), TrainError> {
    let removed =
        if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    removed.map_err(|error| TrainError::file(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND: Stage = Stage::Round { index: 1, num_steps: 8 };

    fn states() -> (tempfile::TempDir, SavedStates) {
        let dir = tempfile::tempdir().unwrap();
        let states = SavedStates::open(dir.path().join("state")).unwrap();
        (dir, states)
    }

    fn save(states: &SavedStates, stage: Stage, step: u64) {
        let fill = |folder: &Path| {
            std::fs::write(folder.join("weights"), step.to_string()).unwrap();
            Ok(())
        };
        states.save(stage, step, fill).unwrap();
    }

    fn names(states: &SavedStates) -> Vec<String> {
        let mut names: Vec<String> =
            states.entries().unwrap().into_iter().map(|(name, _)| name).collect();
        names.sort();
        names
    }

    fn damage(states: &SavedStates, name: &str) {
        std::fs::write(states.dir.join(name).join("weights"), "other").unwrap();
    }

    #[test]
    fn the_last_two_states_of_one_stage_are_kept() {
        let (_dir, states) = states();
        for step in [5, 10, 15] {
            save(&states, Stage::Teacher, step);
        }
        assert_eq!(names(&states), ["00-0000000010", "00-0000000015"]);
        save(&states, ROUND, 5);
        assert_eq!(names(&states), ["01-0000000005"]);
        assert!(states.newest(Stage::Teacher).unwrap().whole.is_none());
        assert!(states.newest(ROUND).unwrap().whole.unwrap().ends_with("01-0000000005"));
    }

    #[test]
    fn other_files_stay() {
        let (_dir, states) = states();
        std::fs::create_dir_all(states.dir.join("backup")).unwrap();
        for step in [5, 10, 15] {
            save(&states, ROUND, step);
        }
        assert_eq!(names(&states), ["01-0000000010", "01-0000000015", "backup"]);
    }

    #[test]
    fn a_damaged_state_is_skipped_and_reported() {
        let (_dir, states) = states();
        save(&states, ROUND, 5);
        save(&states, ROUND, 10);
        damage(&states, "01-0000000010");
        let found = states.newest(ROUND).unwrap();
        assert!(found.whole.unwrap().ends_with("01-0000000005"));
        assert!(found.damaged[0].contains("01-0000000010"), "{:?}", found.damaged);
        // The run continues from step 5 and is stopped at step 7.
        save(&states, ROUND, 7);
        assert_eq!(names(&states), ["01-0000000005", "01-0000000007"]);
    }

    #[test]
    fn a_stage_whose_states_are_all_damaged_does_not_restart_by_itself() {
        let (_dir, states) = states();
        save(&states, ROUND, 5);
        damage(&states, "01-0000000005");
        let message = states.newest(ROUND).unwrap_err().to_string();
        assert!(message.contains("student 8") && message.contains("delete"), "{message}");
    }

    #[test]
    fn half_written_states_of_a_dead_process_are_removed() {
        let (dir, states) = states();
        save(&states, ROUND, 5);
        std::fs::create_dir(states.dir.join(".01-0000000010.new")).unwrap();
        let states = SavedStates::open(dir.path().join("state")).unwrap();
        assert_eq!(names(&states), ["01-0000000005"]);
    }

    #[test]
    fn a_failed_save_leaves_earlier_states() {
        let (_dir, states) = states();
        save(&states, ROUND, 5);
        let full =
            |_: &Path| Err(ModelError::io(Path::new("x"))(std::io::ErrorKind::StorageFull.into()));
        states.save(ROUND, 10, full).unwrap_err();
        assert_eq!(names(&states), ["01-0000000005"]);
    }

    #[test]
    fn a_state_of_an_earlier_version_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("state.json"), "{}").unwrap();
        let message = SavedStates::open(dir.path().to_path_buf()).err().unwrap().to_string();
        assert!(message.contains("earlier version"), "{message}");
    }
}
