//! What of a configuration is not as it was when the run began.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml::{Table, Value};

use crate::config::Config;
use crate::error::TrainError;

/// How a configuration differs from the one that the run in `folder` was begun with: `field: old -> new` for
/// every setting that matters; none if nothing was begun there. Nothing is written or locked.
///
/// # Errors
/// [`TrainError::File`] if the run's configuration cannot be read.
pub fn changed_settings(folder: &Path, config: &Config) -> Result<Vec<String>, TrainError> {
    let path = folder.join("config.toml");
    if !path.exists() {
        return Ok(Vec::new());
    }
    let wrong = |error: &dyn std::fmt::Display| TrainError::file(&path, error);
    let saved = std::fs::read_to_string(&path).map_err(|error| wrong(&error))?;
    let Ok(begun) = toml::from_str::<Config>(&saved) else {
        let problem = "damaged; bring it back from a copy, or use --out for another folder";
        return Err(wrong(&problem));
    };
    // Through the type: a setting that is newer than the run had its default then.
    let begun = toml::to_string(&begun).map_err(|error| wrong(&error))?;
    let current = toml::to_string(config).map_err(|error| wrong(&error))?;
    Ok(differences(&begun, &current))
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
