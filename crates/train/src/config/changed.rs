//! Compares a configuration with the one that a run was started with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use halfstep_model::read_text;
use halfstep_run::layout::{DATASET, ORIGINAL};
use toml::{Table, Value};

use crate::config::job::{Job, JobFile};
use crate::error::TrainError;

/// The settings of `job` that differ from those the run in `folder` was started with, as `field: old -> new`.
/// Settings that change no result are left out. The list is empty if the folder holds no run. Nothing is
/// written or locked.
///
/// # Errors
/// [`TrainError::File`] if the run's configuration cannot be read; [`TrainError::RunFolder`] if it is damaged.
pub fn changed_settings(folder: &Path, job: &Job) -> Result<Vec<String>, TrainError> {
    let path = folder.join("config.toml");
    if !path.exists() {
        return Ok(Vec::new());
    }
    let wrong = |error: &dyn std::fmt::Display| TrainError::file(&path, error);
    let saved = read_text(&path).map_err(|error| wrong(&error))?;
    let Ok(started) = toml::from_str::<JobFile>(&saved) else {
        return Err(TrainError::run_folder(&path, "is damaged; restore it from a copy"));
    };
    // Written out from the type, so that a setting newer than the run appears with its default.
    let started = toml::to_string(&started).map_err(|error| wrong(&error))?;
    let current = toml::to_string(&job.file()).map_err(|error| wrong(&error))?;
    Ok(differences(&started, &current))
}

/// The sources that differ from those the run in `folder` was started with: the images, if `dataset_sha256` is
/// known, and the weights of `teacher.from`. One line each; the list is empty if the folder holds no run.
/// Nothing is written or locked.
///
/// # Errors
/// [`TrainError::File`] if a file of the run cannot be read; [`TrainError::Model`] if the weights of the
/// teacher cannot be read.
pub fn changed_sources(
    folder: &Path,
    job: &Job,
    dataset_sha256: Option<&str>,
) -> Result<Vec<String>, TrainError> {
    let saved = |file: &str| {
        let path = folder.join(file);
        match path.exists() {
            true => read_text(&path).map(Some).map_err(|error| TrainError::file(&path, error)),
            false => Ok(None),
        }
    };
    let mut changed = Vec::new();
    let mut compare = |what: &str, before: &str, now: &str| {
        if before.trim() != now {
            changed.push(format!("{what}: SHA-256 {} -> {now}", before.trim()));
        }
    };
    if let (Some(now), Some(before)) = (dataset_sha256, saved(DATASET)?) {
        compare("other images", &before, now);
    }
    // Hashing the weights takes long, so it is done only where there is a value to compare with.
    if let (Some(before), Some(pretrained)) = (saved(ORIGINAL)?, &job.config.pretrained) {
        compare("another teacher in teacher.from", &before, &pretrained.outline.sha256()?);
    }
    Ok(changed)
}

/// Settings that change no result: names and paths, how often the run reports, and what happens to steps that
/// are not finite (before the first such step this makes no difference).
const FREE: [&str; 6] = ["name", "license", "data.dir", "teacher.from", "log.", "non_finite"];

/// `field: old -> new` for every setting that differs, except those in [`FREE`].
fn differences(saved: &str, current: &str) -> Vec<String> {
    let flatten = |text: &str| {
        let mut flat = BTreeMap::new();
        if let Ok(table) = toml::from_str::<Table>(text) {
            flatten_into(&mut flat, "", &Value::Table(table));
        }
        flat
    };
    let (saved, current) = (flatten(saved), flatten(current));
    let keys: BTreeSet<_> = saved.keys().chain(current.keys()).collect();
    let absent = "(not set)".to_owned();
    keys.into_iter()
        .filter(|key| {
            !FREE
                .iter()
                .any(|free| key.as_str() == *free || free.ends_with('.') && key.starts_with(free))
        })
        .filter(|key| saved.get(*key) != current.get(*key))
        .map(|key| {
            let of =
                |settings: &BTreeMap<String, String>| settings.get(key).unwrap_or(&absent).clone();
            format!("{key}: {} -> {}", of(&saved), of(&current))
        })
        .collect()
}

fn flatten_into(flat: &mut BTreeMap<String, String>, prefix: &str, value: &Value) {
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                flatten_into(flat, &key, value);
            }
        }
        value => {
            flat.insert(prefix.to_owned(), value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::job::digits_job;

    #[test]
    fn files_saved_by_an_editor_on_windows_are_understood() {
        let dir = tempfile::tempdir().unwrap();
        let saved = toml::to_string(&digits_job(&["seed=1"]).unwrap().file()).unwrap();
        std::fs::write(dir.path().join("config.toml"), format!("\u{feff}{saved}")).unwrap();
        std::fs::write(dir.path().join(DATASET), "\u{feff}1234\r\n").unwrap();
        let job = digits_job(&["seed=2"]).unwrap();
        assert_eq!(changed_settings(dir.path(), &job).unwrap(), ["seed: 1 -> 2"]);
        let sources = |sha256| changed_sources(dir.path(), &job, sha256).unwrap();
        assert_eq!(sources(Some("5678")), ["other images: SHA-256 1234 -> 5678"]);
        assert!(sources(Some("1234")).is_empty() && sources(None).is_empty());
        let fresh = dir.path().join("new");
        assert!(changed_sources(&fresh, &job, Some("5678")).unwrap().is_empty());
    }
}
