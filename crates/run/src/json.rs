//! JSON files of results.

use std::path::Path;

use halfstep_files::{read_text, write_file};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::RunError;

/// Reads a JSON file of results; `None` if there is none.
///
/// # Errors
/// [`RunError::Read`], or [`RunError::Damaged`] with `remedy`.
pub(crate) fn read_json<T: DeserializeOwned>(
    path: &Path,
    remedy: &'static str,
) -> Result<Option<T>, RunError> {
    if !path.exists() {
        return Ok(None);
    }
    let text = read_text(path).map_err(RunError::read(path))?;
    serde_json::from_str(&text).map(Some).map_err(|error| RunError::Damaged {
        path: path.to_path_buf(),
        reason: error.to_string(),
        remedy,
    })
}

/// Writes a JSON file, indented.
///
/// # Errors
/// [`RunError::Write`] naming the file, or [`RunError::File`].
pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), RunError> {
    let text =
        serde_json::to_string_pretty(value).map_err(|error| RunError::write(path)(error.into()))?;
    Ok(write_file(path, text.as_bytes())?)
}
