//! The pictures of a folder.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::{Kept, Pictures};
use crate::error::EvalError;

impl Pictures {
    /// The PNG and JPEG files of a folder and of the folders in it (a class each, say), in the order of
    /// their names. Names that begin with a dot are passed over; links are followed, each folder once.
    ///
    /// # Errors
    /// [`EvalError::Pictures`] naming the folder, or a link that leads nowhere.
    pub fn from_folder(dir: &Path) -> Result<Self, EvalError> {
        let mut files = Vec::new();
        find(dir, &mut files, &mut HashSet::new())?;
        files.sort();
        if files.is_empty() {
            return Err(EvalError::pictures(dir, "has no PNG or JPEG file"));
        }
        Ok(Self { name: dir.display().to_string(), kept: Kept::Files(files) })
    }
}

/// Adds the pictures of a folder and of those in it, unless it was `seen`.
fn find(
    dir: &Path,
    found: &mut Vec<PathBuf>,
    seen: &mut HashSet<PathBuf>,
) -> Result<(), EvalError> {
    let unreadable = |error| EvalError::pictures(dir, error);
    if !seen.insert(dir.canonicalize().map_err(unreadable)?) {
        return Ok(());
    }
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        let kind = std::fs::metadata(&path).map_err(|error| EvalError::pictures(&path, error))?;
        let end = path.extension().map(|end| end.to_string_lossy().to_ascii_lowercase());
        if kind.is_dir() {
            find(&path, found, seen)?;
        } else if kind.is_file() && matches!(end.as_deref(), Some("png" | "jpg" | "jpeg")) {
            found.push(path);
        }
    }
    Ok(())
}
