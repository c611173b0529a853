//! What of a configuration is not as it was when the run began.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use halfstep_model::read_text;
use halfstep_run::layout::{DATASET, ORIGINAL};
use toml::{Table, Value};

use crate::config::job::{Job, JobFile};
use crate::error::TrainError;

/// How a configuration differs from the one that the run in `folder` was begun with: `field: old -> new` for
/// every setting that matters; none if nothing was begun there. Nothing is written or locked.
///
/// # Errors
/// [`TrainError::File`] if the run's configuration cannot be read.
pub fn changed_settings(folder: &Path, job: &Job) -> Result<Vec<String>, TrainError> {
    let path = folder.join("config.toml");
    if !path.exists() {
        return Ok(Vec::new());
    }
    let wrong = |error: &dyn std::fmt::Display| TrainError::file(&path, error);
    let saved = read_text(&path).map_err(|error| wrong(&error))?;
    let Ok(begun) = toml::from_str::<JobFile>(&saved) else {
        return Err(TrainError::run_folder(&path, "damaged; bring it back from a copy"));
    };
    // Through the type: a setting that is newer than the run had its default then.
    let begun = toml::to_string(&begun).map_err(|error| wrong(&error))?;
    let current = toml::to_string(&job.file()).map_err(|error| wrong(&error))?;
    Ok(differences(&begun, &current))
}

/// What else the run in `folder` was begun with and `config` now leads to otherwise: the weights of
/// `teacher.from`, and the images, if their SHA-256 is known. A line for each; none if nothing was begun there.
/// Nothing is written or locked.
///
/// # Errors
/// [`TrainError::File`] if the run's files cannot be read, or what is wrong in the teacher's folder.
pub fn changed_sources(
    folder: &Path,
    job: &Job,
    dataset_sha256: Option<&str>,
) -> Result<Vec<String>, TrainError> {
    let begun = |file: &str| {
        let path = folder.join(file);
        match path.exists() {
            true => read_text(&path).map(Some).map_err(|error| TrainError::file(&path, error)),
            false => Ok(None),
        }
    };
    let mut changed = Vec::new();
    let mut hold = |what: &str, begun: &str, now: &str| {
        if begun.trim() != now {
            changed.push(format!("{what}: SHA-256 {} -> {now}", begun.trim()));
        }
    };
    if let (Some(now), Some(begun)) = (dataset_sha256, begun(DATASET)?) {
        hold("other images", &begun, now);
    }
    // Weights take long to hash: only where there is something to hold them against.
    if let (Some(begun), Some(pretrained)) = (begun(ORIGINAL)?, &job.config.pretrained) {
        hold("another teacher in teacher.from", &begun, &pretrained.outline.sha256()?);
    }
    Ok(changed)
}

/// Settings that change neither weights nor results: where things lie, how often they are said, and
/// what becomes of steps that are not finite, which until the first of them is all the same.
const FREE: [&str; 6] = ["name", "license", "data.dir", "teacher.from", "log.", "non_finite"];

/// `field: old -> new` for every setting that differs and matters.
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
    fn a_run_is_known_by_files_that_an_editor_on_windows_saved() {
        let dir = tempfile::tempdir().unwrap();
        let begun = toml::to_string(&digits_job(&["seed=1"]).unwrap().file()).unwrap();
        std::fs::write(dir.path().join("config.toml"), format!("\u{feff}{begun}")).unwrap();
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
