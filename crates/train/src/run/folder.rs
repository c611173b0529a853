//! The run folder: its lock, and the checks that it belongs to this run.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use halfstep_data::DataConfig;
use halfstep_model::read_text;
use halfstep_run::Stage;
use halfstep_run::layout::{CONFIG, DATASET, METRICS, ORIGINAL, has_model};
use halfstep_sample::output::{TEMPORARY, write_file};

use crate::config::changed::changed_settings;
use crate::config::job::{Job, JobFile};
use crate::error::TrainError;

/// A run folder, locked against a second run.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    _lock: File, // released by the system when the process ends, even if it is killed
}

impl RunFolder {
    /// Opens or creates the folder, locks it, and checks that its run was started with this configuration,
    /// these images and this pretrained teacher (by SHA-256).
    ///
    /// # Errors
    /// [`TrainError::RunFolder`] if another run is using the folder, or if its run was started with something
    /// else: every difference is listed. [`TrainError::File`] if a file cannot be read or written.
    pub fn open(
        path: &Path,
        job: &Job,
        dataset_sha256: &str,
        original_sha256: Option<&str>,
    ) -> Result<Self, TrainError> {
        std::fs::create_dir_all(path).map_err(|error| TrainError::file(path, error))?;
        let lock_path = path.join(".lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(|error| TrainError::file(&lock_path, error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(TrainError::run_folder(
                    path,
                    "another run is using this folder; wait for it to end",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(TrainError::file(&lock_path, error)),
        }
        let folder = Self { path: path.to_path_buf(), _lock: lock };
        folder.check_places()?;
        folder.check_begun(original_sha256.is_some())?;
        folder.check_same(DATASET, "other images", dataset_sha256)?;
        if let Some(sha256) = original_sha256 {
            folder.check_same(ORIGINAL, "another teacher in teacher.from", sha256)?;
        }
        folder.check_config(job)?;
        folder.sweep()?;
        Ok(folder)
    }

    /// Refuses a folder in which a file takes the name of a folder of the run: writing would fail only after
    /// training.
    fn check_places(&self) -> Result<(), TrainError> {
        let folders =
            ["teacher", "students", "samples", "samples/rows", "report", "state", "tensorboard"];
        match folders.map(|name| self.file(name)).into_iter().find(|path| path.is_file()) {
            Some(path) => {
                let problem = "is a file where the run needs a folder; move the file away";
                Err(TrainError::run_folder(&path, problem))
            }
            None => Ok(()),
        }
    }

    /// Refuses a folder with results but without the files that record its settings, its images and its
    /// pretrained teacher, if it has one.
    fn check_begun(&self, has_original: bool) -> Result<(), TrainError> {
        let begun = ["state", "teacher", METRICS].iter().any(|name| self.file(name).exists());
        let original = has_original.then_some(ORIGINAL);
        for name in [CONFIG, DATASET].into_iter().chain(original) {
            let path = self.file(name);
            let empty = path.metadata().map_or(true, |file| file.len() == 0);
            if begun && empty {
                let problem = "is missing or empty, so the settings of the run in this folder are unknown; restore the \
                               file";
                return Err(TrainError::run_folder(&path, problem));
            }
        }
        Ok(())
    }

    /// Compares a SHA-256 with the one saved in `file`, or saves it there. `what` names the images or weights
    /// in the error.
    fn check_same(&self, file: &str, what: &str, sha256: &str) -> Result<(), TrainError> {
        let path = self.file(file);
        if path.exists() {
            let saved = read_text(&path).map_err(|error| TrainError::file(&path, error))?;
            if saved.trim() != sha256 {
                let before = saved.trim();
                let problem = format!(
                    "was started with {what} (SHA-256 {before}, now {sha256}); restore them"
                );
                return Err(TrainError::run_folder(&self.path, problem));
            }
            return Ok(());
        }
        Ok(write_file(&path, format!("{sha256}\n").as_bytes())?)
    }

    fn check_config(&self, job: &Job) -> Result<(), TrainError> {
        let path = self.file(CONFIG);
        let resolved = toml::to_string(&with_absolute_places(job)?)
            .map_err(|error| TrainError::file(&path, error))?;
        if path.exists() {
            let saved = read_text(&path).map_err(|error| TrainError::file(&path, error))?;
            if saved == resolved {
                return Ok(());
            }
            let differences = changed_settings(&self.path, job)?;
            if !differences.is_empty() {
                let differences = differences.join("\n  ");
                let problem = format!(
                    "was started with other settings:\n  {differences}\ndelete this folder"
                );
                return Err(TrainError::run_folder(&self.path, problem));
            }
        }
        write_file(&path, resolved.as_bytes())?;
        Ok(())
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file or folder inside.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The model folder of a stage.
    pub fn model(&self, stage: Stage) -> PathBuf {
        self.path.join(stage.folder())
    }

    /// Whether the stage's model folder exists. It appears by a rename, so it is then complete.
    pub fn has_model(&self, stage: Stage) -> bool {
        has_model(&self.model(stage))
    }

    /// Removes [`write_file`]'s temporary files, which a dead process left. No other process writes here while
    /// the lock is held.
    fn sweep(&self) -> Result<(), TrainError> {
        for folder in ["", "report", "samples", "samples/rows"].map(|name| self.file(name)) {
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if name.starts_with(TEMPORARY) && path.is_file() {
                    std::fs::remove_file(&path).map_err(|error| TrainError::file(&path, error))?;
                }
            }
        }
        Ok(())
    }
}

/// The job's file with an absolute `data.dir`, because later readers may start in another folder.
fn with_absolute_places(job: &Job) -> Result<JobFile, TrainError> {
    let mut file = job.file();
    if let Some(dir) = file.data.as_ref().and_then(DataConfig::dir) {
        let whole = std::path::absolute(dir).map_err(|error| TrainError::file(dir, error))?;
        file.data = file.data.map(|data| data.in_dir(&whole));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::job::digits_job;

    fn config(overrides: &[&str]) -> Job {
        digits_job(overrides).unwrap()
    }

    #[test]
    fn a_second_run_is_refused_until_the_first_has_ended() {
        let dir = tempfile::tempdir().unwrap();
        let first = RunFolder::open(dir.path(), &config(&[]), "1234", None).unwrap();
        let second =
            RunFolder::open(dir.path(), &config(&[]), "1234", None).unwrap_err().to_string();
        assert!(second.contains("another run"), "{second}");
        drop(first);
        RunFolder::open(dir.path(), &config(&[]), "1234", None).unwrap();
    }

    #[test]
    fn changed_settings_are_refused_field_by_field() {
        let dir = tempfile::tempdir().unwrap();
        drop(RunFolder::open(dir.path(), &config(&["seed=1"]), "1234", None).unwrap());
        let changed = config(&["seed=2", "teacher.learning_rate=0.5", "log.every=77"]);
        let problem = RunFolder::open(dir.path(), &changed, "1234", None).unwrap_err().to_string();
        assert!(
            problem.contains("seed: 1 -> 2") && problem.contains("teacher.learning_rate"),
            "{problem}"
        );
        assert!(!problem.contains("log.every"), "{problem}");
        RunFolder::open(dir.path(), &config(&["seed=1", "log.every=77"]), "1234", None).unwrap();
    }

    #[test]
    fn a_setting_newer_than_the_run_had_its_default() {
        let dir = tempfile::tempdir().unwrap();
        drop(RunFolder::open(dir.path(), &config(&[]), "1234", None).unwrap());
        let path = dir.path().join("config.toml");
        let old = std::fs::read_to_string(&path).unwrap().replace("precision = \"f32\"\n", "");
        std::fs::write(&path, &old).unwrap();
        let changed = config(&["precision=bf16"]);
        let problem = RunFolder::open(dir.path(), &changed, "1234", None).unwrap_err().to_string();
        assert!(problem.contains("precision: \"f32\" -> \"bf16\""), "{problem}");
        RunFolder::open(dir.path(), &config(&[]), "1234", None).unwrap();
    }

    /// A run that was started with a relative path continues.
    #[test]
    fn the_saved_configuration_has_an_absolute_path_to_the_images() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(&["data={kind=\"mnist\", dir=\"some/mnist\"}"]);
        let path = dir.path().join("config.toml");
        let saved = || {
            drop(RunFolder::open(dir.path(), &config, "1234", None).unwrap());
            Job::load(&path, &[]).unwrap().data.unwrap()
        };
        let whole = std::env::current_dir().unwrap().join("some/mnist");
        assert_eq!(saved().dir(), Some(whole.as_path()));
        std::fs::write(&path, toml::to_string(&config.file()).unwrap()).unwrap();
        assert_eq!(saved().dir(), Some(whole.as_path()));
    }

    #[test]
    fn half_written_files_of_a_dead_process_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("report")).unwrap();
        for name in [".halfstep-Ab12", "report/.halfstep-Xy", "report/.tmpOther"] {
            std::fs::write(dir.path().join(name), "half").unwrap();
        }
        drop(RunFolder::open(dir.path(), &config(&[]), "1234", None).unwrap());
        let left = ["report/.halfstep-Xy", ".halfstep-Ab12", "report/.tmpOther"]
            .map(|name| dir.path().join(name).exists());
        assert_eq!(left, [false, false, true]);
    }

    #[test]
    fn other_images_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        drop(RunFolder::open(dir.path(), &config(&[]), "1234", None).unwrap());
        let problem =
            RunFolder::open(dir.path(), &config(&[]), "5678", None).unwrap_err().to_string();
        assert!(problem.contains("other images") && problem.contains("5678"), "{problem}");
    }
}
