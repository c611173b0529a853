//! Taking the files of a published dataset out of a gzipped tar archive.

use std::fs::{self, File};
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use crate::{DataError, PublishedFile};

/// A verified file in the working folder, and its name in the dataset's.
pub(crate) type Arrived = (PathBuf, String);

/// No archive of ours unpacks to more (CIFAR-10's: 186 MB); a bomb is left after so many bytes.
const LARGEST: u64 = 1 << 30;

/// Takes just the wanted files out of an archive that came from `url`, each verified. No path of
/// the archive's is ever written to: a file is known by its last name and goes where we say.
///
/// # Errors
/// [`DataError::Download`] if the archive is damaged, or lacks a file or holds a wrong one;
/// [`DataError::Io`] if the disk refuses.
pub(crate) fn unpack(
    url: &str,
    archive: &Path,
    wanted: &[&'static PublishedFile],
    work: &Path,
) -> Result<Vec<Arrived>, DataError> {
    let damaged =
        |error: std::io::Error| DataError::download(url, format!("damaged archive ({error})"));
    let tar = File::open(archive).map_err(DataError::io("open", archive))?;
    let mut tar = tar::Archive::new(GzDecoder::new(BufReader::new(tar)).take(LARGEST));
    let mut absent = wanted.to_vec();
    let mut arrived: Vec<Arrived> = Vec::new();
    // Raw: extension headers are entries like others, and passed over. Obeyed, they are read into
    // memory whatever their length, for names longer than any that we want.
    for entry in tar.entries().map_err(damaged)?.raw(true) {
        let entry = entry.map_err(damaged)?;
        let Some(at) = position(&entry, &absent).map_err(damaged)? else { continue };
        let file = absent.swap_remove(at);
        let mut bytes = Vec::new();
        entry.take(file.bytes + 1).read_to_end(&mut bytes).map_err(damaged)?;
        file.check(&bytes).map_err(|mismatch| DataError::download(url, file.explain(&mismatch)))?;
        let path = work.join(file.name);
        write(&path, &bytes)?;
        arrived.push((path, file.name.to_owned()));
        if absent.is_empty() {
            return Ok(arrived);
        }
    }
    let names: Vec<&str> = absent.iter().map(|file| file.name).collect();
    Err(DataError::download(url, format!("there is no {} in the archive", names.join(", "))))
}

/// Which of the files an entry claims to be. Only a plain file can be one: of a link there is
/// nothing to read.
fn position(
    entry: &tar::Entry<'_, impl Read>,
    files: &[&PublishedFile],
) -> std::io::Result<Option<usize>> {
    if !entry.header().entry_type().is_file() {
        return Ok(None);
    }
    let path = entry.path()?;
    Ok(files.iter().position(|file| path.file_name() == Some(file.name.as_ref())))
}

/// Writes a file, all of it or none: what a full disk has room for is of no use.
fn write(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let written = File::create(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all() // the bytes before the name that they get by a rename
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
