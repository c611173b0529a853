//! Room on the disk.

use std::path::Path;

use crate::error::FileError;

/// Bytes that are free for this user on the disk of `path`, which need not exist yet; `None` if the system
/// does not report them.
fn free(path: &Path) -> Option<u64> {
    fs4::available_space(existing(path)).ok()
}

/// Checks that there is room. `wanted` holds paths and the bytes to be written there; bytes for one disk are
/// added up.
///
/// # Errors
/// [`FileError::NoRoom`] naming the first path on a disk without room.
pub fn check_room(wanted: &[(&Path, u64)]) -> Result<(), FileError> {
    for (at, &(path, _)) in wanted.iter().enumerate() {
        let disk = disk_of(path);
        let beside = wanted.iter().enumerate();
        let beside = beside
            .filter(|&(other, (path, _))| other == at || disk.is_some() && disk == disk_of(path));
        let needed = beside.fold(0u64, |sum, (_, (_, bytes))| sum.saturating_add(*bytes));
        if let Some(free) = free(path).filter(|free| *free < needed) {
            return Err(FileError::NoRoom { path: path.to_path_buf(), needed, free });
        }
    }
    Ok(())
}

/// The nearest folder above that exists.
fn existing(path: &Path) -> &Path {
    let above = path.ancestors().find(|folder| folder.exists());
    above.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(unix)]
fn disk_of(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    existing(path).metadata().ok().map(|metadata| metadata.dev())
}

#[cfg(not(unix))]
fn disk_of(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_refused_and_files_on_one_disk_share_it() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("new/a"), dir.path().join("b"));
        let free = free(&a).unwrap();
        check_room(&[(&a, 1), (&b, 1)]).unwrap();
        let error = check_room(&[(&a, 1), (&b, u64::MAX)]).unwrap_err();
        let FileError::NoRoom { needed, .. } = error else { panic!("{error}") };
        assert_eq!(needed, u64::MAX);
        if cfg!(unix) {
            // Each fits, both do not, whatever else is written meanwhile.
            let most = free / 4 * 3;
            assert!(check_room(&[(&a, most), (&b, most)]).is_err());
        }
    }
}
