//! Downloading a published dataset: whole and verified, or not at all.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::read::GzDecoder;

use crate::{DataError, Packing, Progress, PublishedFile, Release, inflate};

/// A server silent for this long has gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// No download of ours is larger (CIFAR-10's archive is 170 MB): a server that sends more is wrong.
const LARGEST: u64 = 256 << 20;

/// Fetches into `dir` what it lacks of a release, from `base_url` (which is `release.base_url`
/// unless you have a mirror; without a slash at its end).
///
/// Everything arrives in a folder beside its place, is verified against the published SHA-256, and
/// is only then renamed into place: no half-written file is ever seen under its name. Files that
/// are there already are neither checked nor touched.
///
/// # Errors
/// [`DataError::Download`] if the server cannot be reached, refuses, stops half-way or sends
/// something else; [`DataError::Io`] if the disk refuses.
pub fn fetch(
    release: &Release,
    dir: &Path,
    base_url: &str,
    progress: Progress,
) -> Result<(), DataError> {
    let missing = release.missing(dir);
    if missing.is_empty() {
        return Ok(());
    }
    fs::create_dir_all(dir).map_err(DataError::io("create", dir))?;
    let work = tempfile::Builder::new()
        .prefix(".fetch-")
        .tempdir_in(dir)
        .map_err(DataError::io("write into", dir))?;
    let arrived = match release.packing {
        Packing::Archive(name) => {
            let url = format!("{base_url}/{name}");
            let archive = work.path().join("archive");
            download(&url, &archive, LARGEST, progress)?;
            unpack(&url, &archive, &missing, work.path())?
        }
        Packing::Gzip => missing
            .iter()
            .map(|file| fetch_gzipped(base_url, file, work.path(), progress))
            .collect::<Result<_, _>>()?,
    };
    for (from, name) in arrived {
        let to = dir.join(name);
        fs::rename(from, &to).map_err(DataError::io("create", to))?;
    }
    Ok(())
}

/// A verified file in the working folder, and its name in the dataset's.
type Arrived = (PathBuf, String);

fn fetch_gzipped(
    base_url: &str,
    file: &PublishedFile,
    work: &Path,
    progress: Progress,
) -> Result<Arrived, DataError> {
    let name = format!("{}.gz", file.name);
    let url = format!("{base_url}/{name}");
    let path = work.join(&name);
    // gzip never makes a file longer by more than a few bytes a block.
    download(&url, &path, file.bytes + file.bytes / 8 + 1024, progress)?;
    let bytes = inflate::read(&path, file.bytes + 1).map_err(|error| failed(&url, error))?;
    file.check(&bytes).map_err(|mismatch| failed(&url, file.explain(&mismatch)))?;
    Ok((path, name))
}

/// Takes just the wanted files out of an archive. No path of the archive's is ever written to: an
/// entry is known by its last name and goes where we say.
fn unpack(
    url: &str,
    archive: &Path,
    wanted: &[&'static PublishedFile],
    work: &Path,
) -> Result<Vec<Arrived>, DataError> {
    let damaged = |error: std::io::Error| failed(url, format!("damaged archive ({error})"));
    let tar = File::open(archive).map_err(DataError::io("open", archive))?;
    let mut tar = tar::Archive::new(GzDecoder::new(tar));
    let mut arrived: Vec<Arrived> = Vec::new();
    for entry in tar.entries().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let path = entry.path().map_err(damaged)?;
        let Some(file) = wanted.iter().find(|file| path.file_name() == Some(file.name.as_ref()))
        else {
            continue;
        };
        let mut bytes = Vec::new();
        entry.take(file.bytes + 1).read_to_end(&mut bytes).map_err(damaged)?;
        file.check(&bytes).map_err(|mismatch| failed(url, file.explain(&mismatch)))?;
        let path = work.join(file.name);
        fs::write(&path, bytes).map_err(DataError::io("write", &path))?;
        if arrived.iter().all(|(_, name)| name != file.name) {
            arrived.push((path, file.name.to_owned()));
        }
    }
    match wanted.iter().find(|file| arrived.iter().all(|(_, name)| name != file.name)) {
        Some(absent) => Err(failed(url, format!("there is no {} in the archive", absent.name))),
        None => Ok(arrived),
    }
}

/// Downloads `url` to the file `path`, at most `limit` bytes.
fn download(url: &str, path: &Path, limit: u64, progress: Progress) -> Result<(), DataError> {
    let request = agent(url).get(url).header("Accept-Encoding", "identity");
    let body = request.call().map_err(|error| failed(url, error))?.into_body();
    let expected = body.content_length();
    if expected.is_some_and(|bytes| bytes > limit) {
        return Err(failed(url, format!("the server announces more than {limit} bytes")));
    }
    let mut file = File::create_new(path).map_err(DataError::io("create", path))?;
    let name = url.rsplit('/').next().unwrap_or(url).to_owned();
    let bar = progress.bytes(name, expected);
    let mut reader = body.into_reader().take(limit + 1);
    let mut buffer = vec![0; 1 << 16];
    let mut received = 0;
    loop {
        let len = reader
            .read(&mut buffer)
            .map_err(|error| failed(url, format!("cut after {received} bytes ({error})")))?;
        if len == 0 {
            break;
        }
        file.write_all(&buffer[..len]).map_err(DataError::io("write", path))?;
        received += len as u64;
        bar.set_position(received);
    }
    bar.finish_and_clear();
    match expected {
        _ if received > limit => {
            Err(failed(url, format!("the server sends more than {limit} bytes")))
        }
        Some(bytes) if bytes != received => {
            Err(failed(url, format!("cut after {received} of {bytes} bytes")))
        }
        _ => Ok(()),
    }
}

fn agent(url: &str) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE));
    // A proxy from the environment cannot reach this machine's own servers.
    let config = if url.starts_with("http://127.0.0.1:") { config.proxy(None) } else { config };
    config.build().new_agent()
}

fn failed(url: &str, problem: impl ToString) -> DataError {
    DataError::Download { url: url.to_owned(), problem: problem.to_string() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::testing::{self, Reply, gzip, serve, write};

    const ONE: &[u8] = b"first file, first file, first file";
    const TWO: &[u8] = b"second file";

    fn archive_release() -> Release {
        testing::release(Packing::Archive("all.tar.gz"), &[("one.bin", ONE), ("two.bin", TWO)])
    }

    fn gzip_release() -> Release {
        testing::release(Packing::Gzip, &[("one", ONE)])
    }

    fn tarball(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, bytes) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o600);
            // Header::set_path refuses "..", which an attacker would not.
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            tar.append(&header, *bytes).unwrap();
        }
        gzip(&tar.into_inner().unwrap())
    }

    /// Fetches from a server with one reply; the outcome, and the names then in the folder.
    fn outcome(release: &Release, reply: Reply) -> (Result<(), DataError>, BTreeSet<String>) {
        let dir = tempfile::tempdir().unwrap();
        let result = fetch(release, dir.path(), &serve(reply), Progress::Hidden);
        (result, names(dir.path()))
    }

    fn names(dir: &Path) -> BTreeSet<String> {
        let entries = fs::read_dir(dir).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// A download that fails for the reason given and leaves nothing behind.
    #[track_caller]
    fn fails(release: &Release, reply: Reply, reason: &str) {
        let (result, left) = outcome(release, reply);
        let error = result.unwrap_err();
        assert!(matches!(error, DataError::Download { .. }), "{error:?}");
        let message = error.to_string();
        assert!(message.contains("http://127.0.0.1:"), "{message}");
        assert!(message.contains(reason), "{reason} is not in: {message}");
        assert_eq!(left, BTreeSet::new());
    }

    #[test]
    fn an_archive_is_unpacked_and_verified() {
        let bytes =
            tarball(&[("dir/readme", b"hello"), ("dir/one.bin", ONE), ("dir/two.bin", TWO)]);
        let (result, left) = outcome(&archive_release(), Reply::whole(bytes));
        result.unwrap();
        assert_eq!(left, BTreeSet::from(["one.bin".into(), "two.bin".into()]));
    }

    #[test]
    fn gzipped_files_stay_gzipped() {
        let (result, left) = outcome(&gzip_release(), Reply::whole(gzip(ONE)));
        result.unwrap();
        assert_eq!(left, BTreeSet::from(["one.gz".into()]));
    }

    #[test]
    fn a_body_without_a_length_is_taken_to_its_end() {
        let reply = Reply { length: None, ..Reply::whole(gzip(ONE)) };
        outcome(&gzip_release(), reply).0.unwrap();
    }

    #[test]
    fn files_that_are_there_are_not_asked_for_nor_touched() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "one.bin", b"my own");
        let base = serve(Reply::whole(tarball(&[("one.bin", ONE), ("two.bin", TWO)])));
        fetch(&archive_release(), dir.path(), &base, Progress::Hidden).unwrap();
        assert_eq!(fs::read(dir.path().join("one.bin")).unwrap(), b"my own");
        assert_eq!(fs::read(dir.path().join("two.bin")).unwrap(), TWO);
        // Nothing is missing now: nobody is asked.
        fetch(&archive_release(), dir.path(), "http://127.0.0.1:1", Progress::Hidden).unwrap();
    }

    #[test]
    fn an_archive_writes_only_where_we_say() {
        let outer = tempfile::tempdir().unwrap();
        let inner = outer.path().join("inner");
        let bytes = tarball(&[("../../one.bin", ONE), ("/two.bin", TWO), ("../evil", b"evil")]);
        fetch(&archive_release(), &inner, &serve(Reply::whole(bytes)), Progress::Hidden).unwrap();
        assert_eq!(names(outer.path()), BTreeSet::from(["inner".into()]));
        assert_eq!(names(&inner), BTreeSet::from(["one.bin".into(), "two.bin".into()]));
    }

    #[test]
    fn not_found() {
        fails(&gzip_release(), Reply { status: 404, ..Reply::whole(vec![]) }, "404");
    }

    #[test]
    fn nobody_there() {
        let dir = tempfile::tempdir().unwrap();
        let release = archive_release();
        let error =
            release.ensure_from("http://127.0.0.1:1", dir.path(), Progress::Hidden).unwrap_err();
        let message = error.to_string();
        let place = dir.path().display().to_string();
        for part in [place.as_str(), "one.bin", "two.bin", release.script, release.title] {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("http://127.0.0.1:1/all.tar.gz"), "{cause}");
        assert_eq!(names(dir.path()), BTreeSet::new());
    }

    #[test]
    fn a_cut_connection() {
        let bytes = gzip(ONE);
        let length = Some(bytes.len());
        let reply = Reply { length, ..Reply::whole(bytes[..bytes.len() / 2].to_vec()) };
        fails(&gzip_release(), reply, "cut after");
    }

    #[test]
    fn a_cut_without_a_length_is_seen_in_the_content() {
        let bytes = gzip(ONE);
        let reply = Reply { length: None, ..Reply::whole(bytes[..bytes.len() / 2].to_vec()) };
        fails(&gzip_release(), reply, "not a whole gzip file");
    }

    #[test]
    fn an_announced_flood_and_a_silent_one() {
        let flood = vec![7; 100_000];
        fails(&gzip_release(), Reply::whole(flood.clone()), "announces more");
        fails(&gzip_release(), Reply { length: None, ..Reply::whole(flood) }, "sends more");
    }

    #[test]
    fn wrong_bytes() {
        let reply = Reply::whole(gzip(b"First file, first file, first file"));
        fails(&gzip_release(), reply, "one has sha256");
    }

    #[test]
    fn wrong_length() {
        fails(&gzip_release(), Reply::whole(gzip(b"short")), "one is 5 bytes long");
        fails(&gzip_release(), Reply::whole(gzip(&[7; 200])), "one is longer than");
    }

    #[test]
    fn a_page_instead_of_a_file() {
        fails(&gzip_release(), Reply::whole(b"<html>sign in</html>".to_vec()), "one is 20 bytes");
        fails(&archive_release(), Reply::whole(b"<html>".to_vec()), "damaged archive");
    }

    #[test]
    fn an_archive_that_is_cut_incomplete_or_wrong() {
        let whole = tarball(&[("one.bin", ONE), ("two.bin", TWO)]);
        let half = Reply::whole(whole[..whole.len() / 2].to_vec());
        fails(&archive_release(), half, "damaged archive");
        let partial = Reply::whole(tarball(&[("one.bin", ONE)]));
        fails(&archive_release(), partial, "there is no two.bin");
        let wrong = Reply::whole(tarball(&[("one.bin", TWO), ("two.bin", TWO)]));
        fails(&archive_release(), wrong, "one.bin is 11 bytes long");
        fails(&archive_release(), Reply::whole(gzip(b"")), "there is no one.bin");
    }

    #[test]
    fn a_file_in_the_place_of_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let path = write(dir.path(), "file", b"");
        let result = fetch(&gzip_release(), &path, "http://127.0.0.1:1", Progress::Hidden);
        assert!(matches!(result, Err(DataError::Io { .. })));
    }
}
