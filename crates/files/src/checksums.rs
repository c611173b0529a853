//! `SHA256SUMS`: the checksums of a folder's files.

use std::path::Path;

use crate::error::FileError;
use crate::hash::files_sha256;

/// The name and format of coreutils: `sha256sum -c SHA256SUMS` checks a folder too.
const FILE: &str = "SHA256SUMS";

/// Writes the checksums of a folder's files into the folder; sub-folders are left out.
///
/// # Errors
/// [`FileError::Io`].
pub fn write_checksums(dir: &Path) -> Result<(), FileError> {
    let lines = names(dir)?
        .into_iter()
        .map(|name| Ok(format!("{}  {name}\n", files_sha256(b"", &[dir.join(&name)])?)))
        .collect::<Result<String, FileError>>()?;
    let path = dir.join(FILE);
    std::fs::write(&path, lines).map_err(FileError::io(&path))
}

/// Checks a folder against the checksums in it.
///
/// # Errors
/// [`FileError::Unusable`] naming a file that is missing, changed or not listed, or the checksums
/// themselves; [`FileError::Io`] if a file cannot be read.
pub fn verify_checksums(dir: &Path) -> Result<(), FileError> {
    let path = dir.join(FILE);
    if !path.is_file() {
        return Err(FileError::unusable(dir, "has no SHA256SUMS"));
    }
    let text = std::fs::read(&path).map_err(FileError::io(&path))?;
    let listed = std::str::from_utf8(&text)
        .ok()
        .and_then(|text| text.lines().map(|line| line.split_once("  ")).collect::<Option<Vec<_>>>())
        .ok_or_else(|| FileError::unusable(&path, "is damaged"))?;
    let present = names(dir)?;
    for (expected, name) in &listed {
        let file = dir.join(name);
        // Only what lies in the folder is looked at, whatever the list names.
        if !present.iter().any(|present| present == name) {
            return Err(FileError::unusable(&file, "is missing"));
        }
        if files_sha256(b"", &[&file])? != *expected {
            return Err(FileError::unusable(
                &file,
                "is not what was written (its SHA-256 differs)",
            ));
        }
    }
    match present.iter().find(|name| listed.iter().all(|(_, listed)| listed != name)) {
        Some(name) => Err(FileError::unusable(&dir.join(name), "has no checksum")),
        None => Ok(()),
    }
}

/// Whether a folder has checksums.
pub fn has_checksums(dir: &Path) -> bool {
    dir.join(FILE).is_file()
}

/// The files of a folder, without the checksums themselves, in order.
fn names(dir: &Path) -> Result<Vec<String>, FileError> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(FileError::io(dir))? {
        let entry = entry.map_err(FileError::io(dir))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_file() && name != FILE {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.bin"), b"first").unwrap();
        std::fs::write(dir.path().join("b.json"), b"{}").unwrap();
        write_checksums(dir.path()).unwrap();
        dir
    }

    fn refused(dir: &Path) -> String {
        verify_checksums(dir).unwrap_err().to_string()
    }

    #[test]
    fn what_was_written_is_accepted_and_is_what_sha256sum_reads() {
        let dir = folder();
        verify_checksums(dir.path()).unwrap();
        let text = std::fs::read_to_string(dir.path().join(FILE)).unwrap();
        // printf first | sha256sum
        let first = "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e  a.bin\n";
        assert!(text.contains(first), "{text}");
    }

    #[test]
    fn a_changed_cut_or_missing_file_is_named() {
        for damage in [b"First".as_slice(), b"firs", b"first ", b""] {
            let dir = folder();
            std::fs::write(dir.path().join("a.bin"), damage).unwrap();
            let message = refused(dir.path());
            assert!(message.contains("a.bin") && message.contains("SHA-256"), "{message}");
        }
        let dir = folder();
        std::fs::remove_file(dir.path().join("b.json")).unwrap();
        assert!(refused(dir.path()).contains("b.json: is missing"));
    }

    #[test]
    fn damaged_checksums_are_no_checksums() {
        let whole = std::fs::read(folder().path().join(FILE)).unwrap();
        for len in 0..whole.len() {
            let dir = folder();
            std::fs::write(dir.path().join(FILE), &whole[..len]).unwrap();
            // Only the last line's end is not missed.
            assert_eq!(verify_checksums(dir.path()).is_ok(), len == whole.len() - 1, "{len}");
        }
        let dir = folder();
        std::fs::remove_file(dir.path().join(FILE)).unwrap();
        assert!(refused(dir.path()).contains("has no SHA256SUMS"));
        for text in [&b"abc\n"[..], b"00  ../a.bin\n", &[0xff, b'\n']] {
            std::fs::write(dir.path().join(FILE), text).unwrap();
            refused(dir.path());
        }
    }
}
