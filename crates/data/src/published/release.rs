//! Published datasets: what their files are called and what they must contain.

use std::path::{Path, PathBuf};

use super::{fetch::fetch, inflate};
use crate::{DataError, Progress, hash};

/// A dataset, or anything else that its authors publish as a fixed set of files.
#[derive(Debug)]
pub struct Release {
    /// What people call it.
    pub title: &'static str,
    /// What else fetches it: a script of this repository, with a choice of sources, or a person.
    pub script: &'static str,
    /// The official address that [`fetch`](crate::fetch()) asks, without a slash at its end.
    pub base_url: &'static str,
    /// How the files travel.
    pub packing: Packing,
    /// The files, as they are without compression.
    pub files: &'static [PublishedFile],
}

/// How the files of a [`Release`] travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// All in one gzipped tar archive of this name; on disk unpacked.
    Archive(&'static str),
    /// Each by itself, gzipped, with `.gz` after its name; on disk gzipped or not.
    Gzip,
    /// Each by itself, as it is.
    Plain,
}

/// One file of a [`Release`], without compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedFile {
    /// The name within the folder.
    pub name: &'static str,
    /// The length.
    pub bytes: u64,
    /// The SHA-256, in lower-case hexadecimal.
    pub sha256: &'static str,
}

/// How a file differs from the published one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// Fewer bytes than published: this many.
    Shorter(usize),
    /// More bytes than published.
    Longer,
    /// As many bytes, of this SHA-256.
    Hash(String),
}

impl PublishedFile {
    /// Whether `bytes` are this file. One byte more than published is enough to tell "longer".
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<(), Mismatch> {
        match (bytes.len() as u64).cmp(&self.bytes) {
            std::cmp::Ordering::Less => return Err(Mismatch::Shorter(bytes.len())),
            std::cmp::Ordering::Greater => return Err(Mismatch::Longer),
            std::cmp::Ordering::Equal => {}
        }
        let found = hash::sha256(bytes);
        if found == self.sha256 { Ok(()) } else { Err(Mismatch::Hash(found)) }
    }

    /// What is wrong, in words.
    pub(crate) fn explain(&self, mismatch: &Mismatch) -> String {
        match mismatch {
            Mismatch::Shorter(len) => {
                format!("{} is {len} bytes long, not {} as published", self.name, self.bytes)
            }
            Mismatch::Longer => {
                format!("{} is longer than the {} bytes published", self.name, self.bytes)
            }
            Mismatch::Hash(found) => {
                format!("{} has sha256 {found}, not {} as published", self.name, self.sha256)
            }
        }
    }
}

impl Release {
    /// Fetches what is missing in `dir` from the official address.
    ///
    /// # Errors
    /// [`DataError::Busy`] if another process is doing so; [`DataError::Unavailable`] if that does
    /// not succeed.
    pub fn ensure(&self, dir: &Path, progress: Progress) -> Result<(), DataError> {
        self.ensure_from(self.base_url, dir, progress)
    }

    pub(crate) fn ensure_from(
        &self,
        base_url: &str,
        dir: &Path,
        progress: Progress,
    ) -> Result<(), DataError> {
        fetch(self, dir, base_url, progress).map_err(|error| match error {
            DataError::Busy { .. } => error,
            error => DataError::Unavailable {
                title: self.title,
                dir: dir.to_owned(),
                missing: self.missing(dir).iter().map(|file| file.name.to_owned()).collect(),
                script: self.script,
                source: Box::new(error),
            },
        })
    }

    /// The files that are not in `dir`.
    pub(crate) fn missing(&self, dir: &Path) -> Vec<&'static PublishedFile> {
        self.files.iter().filter(|file| self.locate(dir, file).is_none()).collect()
    }

    /// Where in `dir` a file lies. Something there that cannot be read counts as there: it is the
    /// reader who says what is wrong, and nothing is ever overwritten.
    fn locate(&self, dir: &Path, file: &PublishedFile) -> Option<PathBuf> {
        let plain = dir.join(file.name);
        let gzipped = dir.join(format!("{}.gz", file.name));
        let candidates = match self.packing {
            Packing::Archive(_) | Packing::Plain => vec![plain],
            Packing::Gzip => vec![plain, gzipped],
        };
        candidates.into_iter().find(|path| path.symlink_metadata().is_ok())
    }

    /// The content of a file of `dir`, if it is the published one.
    ///
    /// # Errors
    /// [`DataError::Io`], [`DataError::Malformed`] or [`DataError::WrongHash`], naming the file.
    pub fn verified(&self, dir: &Path, file: &PublishedFile) -> Result<Vec<u8>, DataError> {
        Ok(self.read(dir, file)?.1)
    }

    /// The verified content of a file of `dir`, and where it lies.
    ///
    /// # Errors
    /// [`DataError::Io`], [`DataError::Malformed`] or [`DataError::WrongHash`], naming the file.
    pub(crate) fn read(
        &self,
        dir: &Path,
        file: &PublishedFile,
    ) -> Result<(PathBuf, Vec<u8>), DataError> {
        let path = self.locate(dir, file).unwrap_or_else(|| dir.join(file.name));
        let bytes = inflate::read(&path, file.bytes + 1)?;
        match file.check(&bytes) {
            Ok(()) => Ok((path, bytes)),
            Err(Mismatch::Hash(found)) => Err(DataError::WrongHash {
                path,
                expected: file.sha256,
                found,
                script: self.script,
            }),
            Err(length) => {
                let remedy = "delete it, and it is fetched again";
                Err(DataError::malformed(path, file.explain(&length), remedy))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{gzip, release, write};

    const CONTENT: &[u8] = b"published content";

    fn one_file(packing: Packing) -> Release {
        release(packing, &[("file", CONTENT)])
    }

    #[test]
    fn gzipped_files_are_found_and_read_by_either_name() {
        let gz = one_file(Packing::Gzip);
        for (name, bytes) in
            [("file", CONTENT.to_vec()), ("file.gz", gzip(CONTENT)), ("file.gz", CONTENT.to_vec())]
        {
            let dir = tempfile::tempdir().unwrap();
            assert_eq!(gz.missing(dir.path()).len(), 1);
            let path = write(dir.path(), name, &bytes);
            assert!(gz.missing(dir.path()).is_empty());
            assert_eq!(gz.read(dir.path(), &gz.files[0]).unwrap(), (path, CONTENT.to_vec()));
        }
    }

    #[test]
    fn a_wrong_hash_names_file_hashes_and_script() {
        let dir = tempfile::tempdir().unwrap();
        let path = write(dir.path(), "file", b"publisheD content");
        let plain = one_file(Packing::Archive("a.tar.gz"));
        let message = plain.read(dir.path(), &plain.files[0]).unwrap_err().to_string();
        let found = hash::sha256(b"publisheD content");
        let path = path.display().to_string();
        for part in [path.as_str(), &found, plain.files[0].sha256, "delete it", plain.script] {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
    }

    #[test]
    fn wrong_lengths_are_told_apart() {
        let plain = one_file(Packing::Archive("a.tar.gz"));
        for (bytes, said) in [
            (&CONTENT[..5], "is 5 bytes long, not 17"),
            (b"published content and more", "is longer than the 17 bytes"),
            (b"", "is 0 bytes long"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            write(dir.path(), "file", bytes);
            let message = plain.read(dir.path(), &plain.files[0]).unwrap_err().to_string();
            assert!(message.contains(said), "{message}");
        }
    }

    #[test]
    fn a_gzipped_file_is_held_against_what_it_unpacks_to() {
        let whole = gzip(CONTENT);
        let mut damaged = whole.clone();
        let crc = damaged.len() - 8;
        damaged[crc] ^= 1;
        let gz = one_file(Packing::Gzip);
        for (bytes, said) in [
            (&whole[..whole.len() - 1], "not a whole gzip file"),
            (&whole[..3], "not a whole gzip file"),
            (&damaged, "not a whole gzip file"),
            (&gzip(b"publisheD content"), "not the published file"),
            (&gzip(&CONTENT[..5]), "is 5 bytes long, not 17"),
            (&gzip(&[7; 1_000_000]), "is longer than the 17 bytes"),
            (&[whole.clone(), whole.clone()].concat(), "is longer than the 17 bytes"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            write(dir.path(), "file.gz", bytes);
            let message = gz.read(dir.path(), &gz.files[0]).unwrap_err().to_string();
            assert!(message.contains(said) && message.contains("file.gz"), "{message}");
            assert!(message.contains("delete it"), "{message}");
        }
    }

    #[test]
    fn a_folder_in_the_place_of_a_file_is_an_error_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("file")).unwrap();
        let plain = one_file(Packing::Archive("a.tar.gz"));
        assert!(matches!(plain.read(dir.path(), &plain.files[0]), Err(DataError::Io { .. })));
        assert!(dir.path().join("file").is_dir());
    }
}
