//! Published datasets: the names of their files, what these must contain, and where they are to be had.

use std::path::{Path, PathBuf};

use halfstep_files::sha256;

use super::inflate;
use super::origin::Origin;
use crate::DataError;

/// A dataset, or anything else that its authors publish as a fixed set of files.
#[derive(Debug)]
pub struct Release {
    /// The name in commands and configuration files, such as `cifar10`.
    pub name: &'static str,
    /// The name for people, such as `CIFAR-10`.
    pub title: &'static str,
    /// The files, as they are without compression.
    pub files: &'static [PublishedFile],
    /// Where the files can be fetched, the official address first.
    pub sources: &'static [ReleaseSource],
}

/// A place that the files of a [`Release`] can be fetched from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleaseSource {
    /// The kind of place.
    pub origin: Origin,
    /// Its address, without a slash at the end.
    pub base_url: &'static str,
    /// How the files travel from there.
    pub packing: FilePacking,
}

/// How the files of a [`Release`] travel. Paths are those below the source's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilePacking {
    /// Each by itself, as it is.
    Plain,
    /// The release's only file, as it is, under this path.
    PlainAt(&'static str),
    /// Each by itself, gzipped, with `.gz` after its name; on disk gzipped or not.
    Gzip,
    /// All in one gzipped tar archive at this path; on disk unpacked.
    Archive(&'static str),
    /// All in one Debian package at this path, each gzipped; on disk gzipped or not.
    Deb(&'static str),
    /// CIFAR-10's images as one PNG per file, with labels as JSON, in a gzipped tar archive at this path; on
    /// disk in the official binary form.
    CifarSprites(&'static str),
}

impl FilePacking {
    /// Whether files that travel like this stay gzipped on disk.
    fn stays_gzipped(self) -> bool {
        matches!(self, Self::Gzip | Self::Deb(_))
    }
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
    /// Checks that `bytes` are this file. One byte more than published is enough to detect a longer one.
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<(), Mismatch> {
        match (bytes.len() as u64).cmp(&self.bytes) {
            std::cmp::Ordering::Less => return Err(Mismatch::Shorter(bytes.len())),
            std::cmp::Ordering::Greater => return Err(Mismatch::Longer),
            std::cmp::Ordering::Equal => {}
        }
        let found = sha256(bytes);
        if found == self.sha256 { Ok(()) } else { Err(Mismatch::Hash(found)) }
    }

    /// The most bytes that the gzipped file can have: gzip adds a few bytes per block at worst.
    pub(crate) fn gzipped_limit(&self) -> u64 {
        self.bytes + self.bytes / 8 + 1024
    }

    /// Describes the difference.
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
    /// The place of this origin, if the release can be fetched from one.
    pub fn source(&self, origin: Origin) -> Option<&'static ReleaseSource> {
        self.sources.iter().find(|source| source.origin == origin)
    }

    /// The origins that the release can be fetched from, the official one first.
    pub fn origins(&self) -> Vec<Origin> {
        self.sources.iter().map(|source| source.origin).collect()
    }

    /// The files that are not in `dir`.
    pub(crate) fn missing(&self, dir: &Path) -> Vec<&'static PublishedFile> {
        self.files.iter().filter(|file| self.locate(dir, file).is_none()).collect()
    }

    /// Where in `dir` a file lies. An entry that cannot be read counts as the file: reading it reports the
    /// problem, and nothing is ever overwritten.
    fn locate(&self, dir: &Path, file: &PublishedFile) -> Option<PathBuf> {
        let plain = dir.join(file.name);
        let gzipped = dir.join(format!("{}.gz", file.name));
        let may_be_gzipped = self.sources.iter().any(|source| source.packing.stays_gzipped());
        let candidates = [Some(plain), may_be_gzipped.then_some(gzipped)];
        candidates.into_iter().flatten().find(|path| path.symlink_metadata().is_ok())
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
            Err(Mismatch::Hash(found)) => {
                Err(DataError::WrongHash { path, expected: file.sha256, found, release: self.name })
            }
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

    fn one_file(packing: FilePacking) -> Release {
        release(packing, &[("file", CONTENT)])
    }

    #[test]
    fn gzipped_files_are_found_and_read_by_either_name() {
        let gz = one_file(FilePacking::Gzip);
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
    fn a_wrong_hash_names_file_and_hashes() {
        let dir = tempfile::tempdir().unwrap();
        let path = write(dir.path(), "file", b"publisheD content");
        let plain = one_file(FilePacking::Archive("a.tar.gz"));
        let message = plain.read(dir.path(), &plain.files[0]).unwrap_err().to_string();
        let found = sha256(b"publisheD content");
        let path = path.display().to_string();
        for part in [path.as_str(), &found, plain.files[0].sha256, "delete it"] {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
    }

    #[test]
    fn wrong_lengths_are_told_apart() {
        let plain = one_file(FilePacking::Archive("a.tar.gz"));
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
        let gz = one_file(FilePacking::Gzip);
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
        let plain = one_file(FilePacking::Archive("a.tar.gz"));
        assert!(matches!(plain.read(dir.path(), &plain.files[0]), Err(DataError::Io { .. })));
        assert!(dir.path().join("file").is_dir());
    }
}
