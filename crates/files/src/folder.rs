//! Folders that are written whole or not at all.

use std::path::{Path, PathBuf};

use crate::error::FileError;

/// Writes a folder through `fill` into a sibling and renames it over `dir`.
///
/// At every moment `dir` is the old folder, the new one, or absent: for the instant between two renames the
/// old folder lies beside it as `.NAME.old`, from which [`recover_folder`] brings it back.
///
/// # Errors
/// What `fill` returns, or [`FileError::Io`]. The old folder is untouched then.
pub fn write_atomically<E: From<FileError>>(
    dir: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let (fresh, old) = (sibling(dir, "new"), sibling(dir, "old"));
    if let Some(parent) = dir.parent() {
        std::fs::create_dir_all(parent).map_err(FileError::io(parent))?;
    }
    recover_folder(dir)?;
    for leftover in [&fresh, &old] {
        if leftover.exists() {
            std::fs::remove_dir_all(leftover).map_err(FileError::io(leftover))?;
        }
    }
    std::fs::create_dir(&fresh).map_err(FileError::io(&fresh))?;
    if let Err(error) = fill(&fresh).and_then(|()| Ok(sync_files(&fresh)?)) {
        let _ = std::fs::remove_dir_all(&fresh); // the first error is the one to report
        return Err(error);
    }
    if dir.exists() {
        std::fs::rename(dir, &old).map_err(FileError::io(dir))?;
    }
    std::fs::rename(&fresh, dir).map_err(FileError::io(dir))?;
    sync_parent(dir)?;
    if old.exists() {
        std::fs::remove_dir_all(&old).map_err(FileError::io(&old))?;
    }
    Ok(())
}

/// Undoes a [`write_atomically`] that died between its two renames.
///
/// # Errors
/// [`FileError::Io`].
pub fn recover_folder(dir: &Path) -> Result<(), FileError> {
    let old = sibling(dir, "old");
    if old.is_dir() && !dir.exists() {
        std::fs::rename(&old, dir).map_err(FileError::io(dir))?;
    }
    Ok(())
}

/// `runs/a/state` -> `runs/a/.state.new`
fn sibling(dir: &Path, suffix: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(dir.file_name().unwrap_or_default());
    name.push(".");
    name.push(suffix);
    dir.with_file_name(name)
}

/// Makes sure the bytes are on the disk before the rename that makes them visible.
fn sync_files(dir: &Path) -> Result<(), FileError> {
    for entry in std::fs::read_dir(dir).map_err(FileError::io(dir))? {
        let path = entry.map_err(FileError::io(dir))?.path();
        if path.is_dir() {
            sync_files(&path)?;
        } else {
            sync(&path)?;
        }
    }
    // The names in it too; only Unix can sync a folder.
    if cfg!(unix) { sync(dir) } else { Ok(()) }
}

fn sync(path: &Path) -> Result<(), FileError> {
    let file = std::fs::File::open(path).map_err(FileError::io(path))?;
    file.sync_all().map_err(FileError::io(path))
}

/// Makes sure the renames are on the disk before the old folder goes. Only Unix can sync a folder.
fn sync_parent(dir: &Path) -> Result<(), FileError> {
    match dir.parent().filter(|parent| cfg!(unix) && !parent.as_os_str().is_empty()) {
        Some(parent) => sync(parent),
        None => Ok(()),
    }
}
