//! Taking the files of a published dataset out of a tar archive.

use std::fs::{self, File};
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use crate::DataError;
use crate::published::inflate;
use crate::published::release::PublishedFile;

/// A verified file in the work folder, and its name in the dataset's folder.
pub(crate) type Arrived = (PathBuf, String);

/// The most bytes that are unpacked of an archive (CIFAR-10's has 186 MB). A bomb ends there.
const LARGEST: u64 = 1 << 30;

/// How the files lie in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// As they are.
    Plain,
    /// Gzipped, with `.gz` after their names.
    Gzipped,
}

impl Entry {
    /// The name in the archive.
    fn name(self, file: &PublishedFile) -> String {
        match self {
            Self::Plain => file.name.to_owned(),
            Self::Gzipped => format!("{}.gz", file.name),
        }
    }
}

/// Takes just the wanted files out of the gzipped tar archive that came from `url`, each verified.
///
/// # Errors
/// As [`unpack_tar`]; [`DataError::Io`] if the archive cannot be opened.
pub(crate) fn unpack(
    url: &str,
    archive: &Path,
    wanted: &[&'static PublishedFile],
    work: &Path,
) -> Result<Vec<Arrived>, DataError> {
    unpack_tar(url, gunzipped(archive)?, Entry::Plain, wanted, work)
}

/// The content of a gzipped file.
///
/// # Errors
/// [`DataError::Io`] if the file cannot be opened.
pub(super) fn gunzipped(path: &Path) -> Result<impl Read, DataError> {
    let file = File::open(path).map_err(DataError::io("open", path))?;
    Ok(GzDecoder::new(BufReader::new(file)))
}

/// Takes just the wanted files out of a tar archive that came from `url`, each verified. The archive's own
/// paths are never written to: the last part of a path identifies a file, and the file goes into `work`.
///
/// # Errors
/// [`DataError::Download`] if the archive is damaged, lacks a file or holds a wrong one; [`DataError::Io`] if
/// the disk refuses.
pub(super) fn unpack_tar(
    url: &str,
    tar: impl Read,
    kind: Entry,
    wanted: &[&'static PublishedFile],
    work: &Path,
) -> Result<Vec<Arrived>, DataError> {
    let mut absent = wanted.to_vec();
    let mut arrived: Vec<Arrived> = Vec::new();
    for_each_file(url, tar, |name, entry| {
        let Some(at) = absent.iter().position(|file| kind.name(file) == name) else {
            return Ok(Walk::Next);
        };
        let file = absent.swap_remove(at);
        let bytes = verified(url, file, kind, entry)?;
        let path = work.join(name);
        write(&path, &bytes)?;
        arrived.push((path, name.to_owned()));
        Ok(if absent.is_empty() { Walk::Stop } else { Walk::Next })
    })?;
    match &absent[..] {
        [] => Ok(arrived),
        absent => Err(lacking(url, absent.iter().map(|file| file.name))),
    }
}

/// An archive without these files.
pub(super) fn lacking<'a>(url: &str, names: impl Iterator<Item = &'a str>) -> DataError {
    let names: Vec<&str> = names.collect();
    DataError::download(url, format!("there is no {} in the archive", names.join(", ")))
}

/// Whether an archive is read on after an entry.
pub(super) enum Walk {
    Next,
    Stop,
}

/// Shows every plain file of a tar archive, by the last part of its path, and its content. Links are passed
/// over: they have no content.
///
/// # Errors
/// [`DataError::Download`] if the archive is damaged; what `visit` returns.
pub(super) fn for_each_file(
    url: &str,
    tar: impl Read,
    mut visit: impl FnMut(&str, &mut dyn Read) -> Result<Walk, DataError>,
) -> Result<(), DataError> {
    let damaged = |error| damaged(url, &error);
    let mut tar = tar::Archive::new(tar.take(LARGEST));
    // Raw: extension headers are passed over like other entries. Obeying them reads them into memory whatever
    // their length, for names longer than any that we want.
    for entry in tar.entries().map_err(damaged)?.raw(true) {
        let mut entry = entry.map_err(damaged)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path().map_err(damaged)?.into_owned();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if let Walk::Stop = visit(name, &mut entry)? {
            break;
        }
    }
    Ok(())
}

/// The content of an entry of at most `limit` bytes and one more.
///
/// # Errors
/// [`DataError::Download`] if the archive is damaged.
pub(super) fn read(url: &str, entry: impl Read, limit: u64) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    let read = entry.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|error| damaged(url, &error))?;
    Ok(bytes)
}

fn damaged(url: &str, error: &std::io::Error) -> DataError {
    DataError::download(url, format!("damaged archive ({error})"))
}

/// The bytes of an entry, if they are the published file.
fn verified(
    url: &str,
    file: &PublishedFile,
    kind: Entry,
    entry: impl Read,
) -> Result<Vec<u8>, DataError> {
    let bytes = match kind {
        Entry::Plain => read(url, entry, file.bytes)?,
        Entry::Gzipped => read(url, entry, file.gzipped_limit())?,
    };
    let checked = match kind {
        Entry::Plain => file.check(&bytes),
        Entry::Gzipped => {
            let plain = inflate::gunzip(&bytes[..], file.bytes + 1);
            file.check(&plain.map_err(|error| damaged(url, &error))?)
        }
    };
    checked.map_err(|mismatch| DataError::download(url, file.explain(&mismatch)))?;
    Ok(bytes)
}

/// Writes a file whole or not at all.
///
/// # Errors
/// [`DataError::Io`] if the disk refuses; the half-written file is removed.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let written = File::create(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all() // the bytes before the rename that gives them their name
    });
    written.map_err(|error| {
        let _ = fs::remove_file(path);
        DataError::io("write", path)(error)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tar::EntryType;

    use super::*;
    use crate::testing::{gzip, names, published, tar_entry, tarball, write};

    const ONE: &[u8] = b"first file, first file, first file";
    const TWO: &[u8] = b"second file";

    struct Outcome {
        result: Result<Vec<Arrived>, DataError>,
        /// What is in the work folder then, and beside it.
        inside: BTreeSet<String>,
        outside: BTreeSet<String>,
    }

    fn unpacked(tar_gz: &[u8]) -> Outcome {
        let outer = tempfile::tempdir().unwrap();
        let archive = write(outer.path(), "archive", tar_gz);
        let work = outer.path().join("work");
        fs::create_dir(&work).unwrap();
        let wanted = [("one.bin", ONE), ("two.bin", TWO)].map(|(name, bytes)| {
            let file: &'static PublishedFile = Box::leak(Box::new(published(name, bytes)));
            file
        });
        let result = unpack("http://there", &archive, &wanted, &work);
        for (path, name) in result.iter().flatten() {
            let content = if name == "one.bin" { ONE } else { TWO };
            assert_eq!(fs::read(path).unwrap(), content);
        }
        Outcome { result, inside: names(&work), outside: names(outer.path()) }
    }

    #[track_caller]
    fn arrive(tar_gz: &[u8]) {
        let outcome = unpacked(tar_gz);
        assert_eq!(outcome.result.unwrap().len(), 2);
        assert_eq!(outcome.inside, BTreeSet::from(["one.bin".into(), "two.bin".into()]));
        assert_eq!(outcome.outside, BTreeSet::from(["archive".into(), "work".into()]));
    }

    #[track_caller]
    fn refused(tar_gz: &[u8], reason: &str) {
        let outcome = unpacked(tar_gz);
        let message = outcome.result.unwrap_err().to_string();
        assert!(message.contains("http://there"), "{message}");
        assert!(message.contains(reason), "{reason} is not in: {message}");
        assert_eq!(outcome.outside, BTreeSet::from(["archive".into(), "work".into()]));
    }

    /// Entries as bytes, then the end of the archive.
    fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
        gzip(&[entries.concat(), vec![0; 1024]].concat())
    }

    fn entry(name: &str, kind: EntryType, bytes: &[u8]) -> Vec<u8> {
        tar_entry(name, kind, bytes.len() as u64, bytes)
    }

    fn plain(name: &str, bytes: &[u8]) -> Vec<u8> {
        entry(name, EntryType::Regular, bytes)
    }

    #[test]
    fn the_wanted_files_arrive_and_no_others() {
        arrive(&tarball(&[("dir/readme", b"hello"), ("dir/two.bin", TWO), ("dir/one.bin", ONE)]));
    }

    #[test]
    fn paths_above_and_absolute_ones_lead_nowhere() {
        arrive(&tarball(&[("../one.bin", ONE), ("/two.bin", TWO), ("../evil", b"evil")]));
        arrive(&tarball(&[("/etc/../../one.bin", ONE), ("work/../../two.bin", TWO)]));
        refused(&tarball(&[("one.bin/..", ONE), ("two.bin", TWO)]), "there is no one.bin");
    }

    #[test]
    fn links_and_other_special_entries_are_passed_over() {
        for kind in [
            EntryType::Symlink,
            EntryType::Link,
            EntryType::Directory,
            EntryType::Fifo,
            EntryType::Char,
            EntryType::Block,
            EntryType::GNUSparse,
            EntryType::new(b'Q'),
        ] {
            let special = entry("one.bin", kind, b"");
            arrive(&archive(&[special.clone(), plain("one.bin", ONE), plain("two.bin", TWO)]));
            refused(&archive(&[special, plain("two.bin", TWO)]), "there is no one.bin");
        }
    }

    /// A link to a file outside that the next entry, of the same name, would be written through.
    #[test]
    fn nothing_is_written_through_a_link() {
        let mut link = tar::Header::new_gnu();
        link.set_entry_type(EntryType::Symlink);
        link.set_path("one.bin").unwrap();
        link.set_link_name("../archive").unwrap();
        link.set_size(0);
        link.set_cksum();
        let entries = [link.as_bytes().to_vec(), plain("one.bin", ONE), plain("two.bin", TWO)];
        arrive(&archive(&entries));
    }

    #[test]
    fn the_first_of_two_with_one_name_counts() {
        arrive(&tarball(&[("one.bin", ONE), ("a/one.bin", TWO), ("two.bin", TWO)]));
        refused(&tarball(&[("a/one.bin", TWO), ("one.bin", ONE)]), "one.bin is 11 bytes long");
    }

    #[test]
    fn sizes_that_are_claimed_and_not_there() {
        for claimed in [1 << 20, 1 << 33, u64::MAX / 2, u64::MAX - 511, u64::MAX] {
            let huge = |name| tar_entry(name, EntryType::Regular, claimed, ONE);
            let skipped = archive(&[huge("readme"), plain("one.bin", ONE)]);
            let message = unpacked(&skipped).result.unwrap_err().to_string();
            assert!(message.contains("damaged") || message.contains("no one.bin"), "{message}");
            // Of a wanted one no more is read than it may have.
            refused(&archive(&[huge("one.bin")]), "");
        }
    }

    /// Obeyed, the first and the last would give the next entry another name.
    #[test]
    fn extension_headers_are_passed_over() {
        for (kind, content) in [
            (EntryType::GNULongName, &b"../evil"[..]),
            (EntryType::GNULongLink, b"../evil"),
            (EntryType::XHeader, b"16 path=../evil\n"),
        ] {
            let long = entry("x", kind, content);
            arrive(&archive(&[long.clone(), plain("one.bin", ONE), long, plain("two.bin", TWO)]));
        }
    }

    #[test]
    fn an_archive_that_is_cut_empty_or_none() {
        let whole = tarball(&[("one.bin", ONE), ("two.bin", TWO)]);
        for at in 0..whole.len() / 2 {
            refused(&whole[..at], "");
        }
        refused(&gzip(b""), "there is no one.bin, two.bin in the archive");
        refused(b"<html>", "damaged archive");
        refused(&gzip(&[7; 2000]), "damaged archive");
    }

    #[test]
    fn a_wrong_file_does_not_arrive() {
        let outcome = unpacked(&tarball(&[("one.bin", TWO), ("two.bin", TWO)]));
        assert!(outcome.result.unwrap_err().to_string().contains("one.bin is 11 bytes long"));
        assert_eq!(outcome.inside, BTreeSet::new());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_says_so_and_keeps_no_half() {
        let dir = tempfile::tempdir().unwrap();
        let archive = write(dir.path(), "archive", &tarball(&[("one.bin", ONE)]));
        // The device that is always full.
        std::os::unix::fs::symlink("/dev/full", dir.path().join("one.bin")).unwrap();
        let file: &'static PublishedFile = Box::leak(Box::new(published("one.bin", ONE)));
        let error = unpack("http://there", &archive, &[file], dir.path()).unwrap_err();
        let DataError::Io { action: "write", path, source } = &error else { panic!("{error:?}") };
        assert_eq!(path, &dir.path().join("one.bin"));
        assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
        assert_eq!(names(dir.path()), BTreeSet::from(["archive".into()]));
    }
}
