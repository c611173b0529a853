//! The folder in which downloads wait until they are verified.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use crate::DataError;

const FOLDER: &str = ".fetch";
const LOCK: &str = "lock";

/// `.fetch/` in a dataset's folder. One process at a time owns it by a lock, which ends with the process. The next
/// fetch continues what a killed or failed one left there.
pub(crate) struct Workspace {
    path: PathBuf,
    done: bool,
    /// Locked until it is closed, after [`Drop::drop`].
    _lock: File,
}

impl Workspace {
    /// Takes the work folder of the dataset in `dir`, creating both as needed.
    ///
    /// # Errors
    /// [`DataError::Busy`] if another process has it, [`DataError::Io`] if the disk refuses.
    pub(crate) fn open(dir: &Path) -> Result<Self, DataError> {
        fs::create_dir_all(dir).map_err(DataError::io("create", dir))?;
        let path = dir.join(FOLDER);
        // The owner until just now may remove the folder or the lock between two of these lines. A process that
        // loses this race a hundred times is kept out by others that come and go.
        for _ in 0..100 {
            fs::create_dir_all(&path).map_err(DataError::io("create", &path))?;
            let lock = path.join(LOCK);
            match take(&lock) {
                Ok(Some(file)) => return Ok(Self { path, done: false, _lock: file }),
                Ok(None) => {}
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::NotFound => {}
                Err(TryLockError::Error(error)) => return Err(DataError::io("lock", lock)(error)),
                Err(TryLockError::WouldBlock) => break,
            }
        }
        Err(DataError::Busy { dir: dir.to_owned() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the folder and everything left in it. An entry that cannot be removed does no harm.
    pub(crate) fn finish(mut self) {
        self.done = true;
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // The lock file is removed first, while the lock is held: no other process can have taken it.
        let _ = fs::remove_file(self.path.join(LOCK));
        let _ = if self.done {
            fs::remove_dir_all(&self.path)
        } else {
            fs::remove_dir(&self.path) // only if nothing is kept for the next try
        };
    }
}

/// The lock file, locked; `None` if it was removed before it was locked and so locks nothing.
fn take(path: &Path) -> Result<Option<File>, TryLockError> {
    let open = OpenOptions::new().create(true).write(true).truncate(false).open(path);
    let file = open.map_err(TryLockError::Error)?;
    match file.try_lock() {
        // Some network file systems have no locks. Two fetches at once are possible there; they cost a
        // download that fails verification.
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
        locked => locked?,
    }
    Ok(is_at(&file, path).map_err(TryLockError::Error)?.then_some(file))
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> Result<bool, Error> {
    use std::os::unix::fs::MetadataExt;
    let (open, named) = (file.metadata()?, fs::metadata(path)?);
    Ok((open.dev(), open.ino()) == (named.dev(), named.ino()))
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> Result<bool, Error> {
    path.try_exists()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::testing::{names, write};

    #[test]
    fn one_at_a_time_and_the_second_is_told_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let first = Workspace::open(dir.path()).unwrap();
        let error = Workspace::open(dir.path()).err().unwrap();
        assert!(matches!(error, DataError::Busy { .. }), "{error:?}");
        let message = error.to_string();
        let place = dir.path().display().to_string();
        for part in [place.as_str(), "another process", "wait", "again"] {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
        drop(first);
        Workspace::open(dir.path()).unwrap();
    }

    #[test]
    fn nothing_stays_of_an_empty_one_or_of_a_finished_one() {
        let dir = tempfile::tempdir().unwrap();
        drop(Workspace::open(dir.path()).unwrap());
        assert_eq!(names(dir.path()), BTreeSet::new());
        let work = Workspace::open(dir.path()).unwrap();
        write(work.path(), "a.part", b"half");
        work.finish();
        assert_eq!(names(dir.path()), BTreeSet::new());
    }

    #[test]
    fn what_is_left_is_there_for_the_next_one() {
        let dir = tempfile::tempdir().unwrap();
        let work = Workspace::open(dir.path()).unwrap();
        write(work.path(), "a.part", b"half");
        drop(work);
        // A killed process leaves a lock file that no process holds.
        write(&dir.path().join(FOLDER), LOCK, b"");
        let work = Workspace::open(dir.path()).unwrap();
        assert_eq!(fs::read(work.path().join("a.part")).unwrap(), b"half");
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_that_was_removed_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let work = Workspace::open(dir.path()).unwrap();
        let lock = work.path().join(LOCK);
        // Another process has opened the lock file, and locks it after this one is gone.
        let opened = File::open(&lock).unwrap();
        work.finish();
        opened.try_lock().unwrap();
        assert!(is_at(&opened, &lock).is_err());
        let next = Workspace::open(dir.path()).unwrap();
        assert!(!is_at(&opened, &lock).unwrap());
        drop(next);
    }

    #[test]
    fn a_file_in_its_place_is_an_error_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let file = write(dir.path(), FOLDER, b"mine");
        assert!(matches!(Workspace::open(dir.path()), Err(DataError::Io { .. })));
        assert_eq!(fs::read(file).unwrap(), b"mine");
    }
}
