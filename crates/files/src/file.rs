//! Files that are written whole or not at all.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::FileError;

/// The beginning of the names of temporary files. A process that was killed may leave such a file behind.
pub const TEMPORARY: &str = ".halfstep-";

/// Writes `bytes` to a temporary sibling and renames it to `path`. Missing folders are created.
///
/// # Errors
/// [`FileError::Unusable`] naming `path`; nothing is left behind.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let parent =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(parent)?;
        let mut temporary = Temporary::create(parent)?;
        fill(&mut temporary.file, bytes)?;
        temporary.rename(path)
    };
    write().map_err(FileError::write(path))
}

/// Writes `bytes` to the file `fresh` and renames it to `path`, for a caller that alone writes to both: what
/// a killed process left at `fresh` is written over.
///
/// # Errors
/// [`FileError::Unusable`] naming `path`.
pub fn write_file_through(fresh: &Path, path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let write = || -> std::io::Result<()> {
        fill(&mut File::create(fresh)?, bytes)?;
        std::fs::rename(fresh, path)
    };
    write().map_err(FileError::write(path))
}

/// The bytes are on the disk before the rename that makes them visible.
fn fill(file: &mut File, bytes: &[u8]) -> std::io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
}

/// Checks, before any work, that [`write_file`] can write `path`. Leaves nothing behind.
///
/// # Errors
/// [`FileError::Unusable`] naming `path`.
pub fn check_file(path: &Path) -> Result<(), FileError> {
    if path.is_dir() {
        return Err(FileError::unusable(path, "is a folder; name a file"));
    }
    // A device or a pipe would be replaced by the finished file.
    if path.exists() && !path.is_file() {
        return Err(FileError::unusable(path, "is not a regular file; name another"));
    }
    check_folder(path, path.parent().unwrap_or(Path::new("")))
}

/// Checks, before any work, that files can be written into `dir`, which need not exist yet. Leaves
/// nothing behind.
///
/// # Errors
/// [`FileError::Unusable`] naming `dir`.
pub fn check_dir(dir: &Path) -> Result<(), FileError> {
    check_folder(dir, dir)
}

/// Creates a temporary file in the nearest existing folder above, on behalf of `output`.
fn check_folder(output: &Path, dir: &Path) -> Result<(), FileError> {
    let existing = dir.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    if !existing.is_dir() {
        let problem = format!("cannot write: {} is a file, not a folder", existing.display());
        return Err(FileError::unusable(output, problem));
    }
    Temporary::create(existing).map(drop).map_err(FileError::write(output))
}

/// A new file under a name that no other process uses. It is removed when dropped, unless it was renamed.
struct Temporary {
    file: File,
    path: PathBuf,
    renamed: bool,
}

impl Temporary {
    /// Creates it in `parent`, with the permissions of any new file.
    fn create(parent: &Path) -> std::io::Result<Self> {
        static CREATED: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = CREATED.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("{TEMPORARY}{}-{number}", std::process::id()));
            match File::options().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok(Self { file, path, renamed: false }),
                // Another machine on a shared disk, or an earlier process with this number.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn rename(mut self, to: &Path) -> std::io::Result<()> {
        std::fs::rename(&self.path, to)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            let _ = std::fs::remove_file(&self.path); // the error that led here is the one to report
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(dir).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/a.txt");
        check_file(&path).unwrap();
        assert!(names(dir.path()).is_empty());
        for text in ["first", "second"] {
            write_file(&path, text.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(names(path.parent().unwrap()), ["a.txt"]);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let below = dir.path().join("file/a.txt");
        for refused in [check_file(&below), check_dir(&below)] {
            let message = refused.unwrap_err().to_string();
            assert!(message.contains("a.txt: cannot write") && message.contains("not a folder"));
        }
        assert!(write_file(&below, b"").unwrap_err().to_string().contains("a.txt: cannot write"));
        let folder = dir.path().join("folder");
        std::fs::create_dir(&folder).unwrap();
        assert!(check_file(&folder).unwrap_err().to_string().contains("is a folder"));
        assert!(write_file(&folder, b"").is_err());
        assert_eq!(names(dir.path()).len(), 2);
    }

    #[test]
    fn a_leftover_of_a_killed_process_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let (fresh, path) = (dir.path().join("a.new"), dir.path().join("a"));
        std::fs::write(&fresh, "much longer than the new text").unwrap();
        write_file_through(&fresh, &path, b"text").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "text");
        assert_eq!(names(dir.path()), ["a"]);
    }
}
