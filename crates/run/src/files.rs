//! Whole files, and text in any encoding.
//!
//! TO BE REPLACED by `halfstep_files`, which has these three functions under the same names and is being made
//! on another branch.

use std::io::{Error, ErrorKind, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::RunError;

/// The beginning of the names of temporary files.
const TEMPORARY: &str = ".halfstep-";

/// Writes `bytes` to a temporary sibling and renames it to `path`. Missing folders are created.
///
/// # Errors
/// [`RunError::Write`] naming `path`; nothing is left behind.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    let parent =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(parent)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(TEMPORARY);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666)); // less the umask
        }
        let mut file = builder.tempfile_in(parent)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(RunError::write(path))
}

/// Reads a text file: UTF-8 with or without a byte order mark, or UTF-16 with one.
///
/// # Errors
/// [`RunError::Read`] naming `path`.
pub fn read_text(path: &Path) -> Result<String, RunError> {
    std::fs::read(path).and_then(decoded).map_err(RunError::read(path))
}

fn decoded(bytes: Vec<u8>) -> std::io::Result<String> {
    let text = match bytes.as_slice() {
        [0xef, 0xbb, 0xbf, text @ ..] => std::str::from_utf8(text).map(str::to_owned).ok(),
        [0xff, 0xfe, text @ ..] => utf16(text, u16::from_le_bytes),
        [0xfe, 0xff, text @ ..] => utf16(text, u16::from_be_bytes),
        _ => String::from_utf8(bytes).ok(),
    };
    text.ok_or_else(|| Error::new(ErrorKind::InvalidData, "not a text file in UTF-8"))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|&pair| unit(pair)).collect();
    String::from_utf16(&units).ok().filter(|_| rest.is_empty())
}

/// A number of bytes in the largest unit below it: `12 B`, `1.46 KiB`, `3.40 GiB`.
pub fn human_bytes(bytes: u64) -> String {
    let (mut amount, mut unit) = (bytes as f64, "");
    for larger in ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"] {
        if amount < 1024.0 {
            break;
        }
        (amount, unit) = (amount / 1024.0, larger);
    }
    if unit.is_empty() { format!("{amount:.0} B") } else { format!("{amount:.2} {unit}B") }
}

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
    serde_json::from_str(&read_text(path)?).map(Some).map_err(|error| RunError::Damaged {
        path: path.to_path_buf(),
        reason: error.to_string(),
        remedy,
    })
}

/// Writes a JSON file, indented.
///
/// # Errors
/// [`RunError::Write`].
pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), RunError> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| RunError::write(path)(Error::other(error)))?;
    write_file(path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_readable() {
        let texts = [0, 1023, 1500, 1_500_000_000].map(human_bytes);
        assert_eq!(texts, ["0 B", "1023 B", "1.46 KiB", "1.40 GiB"]);
    }
}
