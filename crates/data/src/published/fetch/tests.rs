use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::testing::{self, Reply, Server, gzip, names, tarball, write};

const ONE: &[u8] = b"first file, first file, first file";
const TWO: &[u8] = b"second file";

/// Longer than any test, and without pauses.
const PATIENT: Patience =
    Patience { silence: Duration::from_secs(60), pauses: &[Duration::ZERO; 3] };

fn archive_release() -> Release {
    testing::release(FilePacking::Archive("all.tar.gz"), &[("one.bin", ONE), ("two.bin", TWO)])
}

fn gzip_release() -> Release {
    testing::release(FilePacking::Gzip, &[("one", ONE)])
}

fn try_fetch(release: &Release, dir: &Path, server: &Server) -> Result<FetchReport, DataError> {
    let source = &release.sources[0];
    fetch_with(PATIENT, release, source, &server.url, dir, &mut crate::silent)
}

/// The names of what is there.
fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.into()).collect()
}

/// A download that fails for the reason given, after one request, and leaves nothing behind.
#[track_caller]
fn fails(release: &Release, reply: Reply, reason: &str) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::new(move |_| reply.clone());
    let error = try_fetch(release, dir.path(), &server).unwrap_err();
    assert!(matches!(error, DataError::Download { .. }), "{error:?}");
    let message = error.to_string();
    assert!(message.contains("http://127.0.0.1:"), "{message}");
    assert!(message.contains(reason), "{reason} is not in: {message}");
    assert_eq!(names(dir.path()), set(&[]));
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn an_archive_is_unpacked_and_verified() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = tarball(&[("dir/readme", b"hello"), ("dir/one.bin", ONE), ("dir/two.bin", TWO)]);
    let server = Server::replying([Reply::whole(bytes)]);
    try_fetch(&archive_release(), dir.path(), &server).unwrap();
    assert_eq!(names(dir.path()), set(&["one.bin", "two.bin"]));
    assert_eq!(fs::read(dir.path().join("two.bin")).unwrap(), TWO);
}

#[test]
fn a_plain_file_is_verified_and_goes_on_where_it_was_cut() {
    let plain = testing::release(FilePacking::Plain, &[("one.bin", ONE)]);
    let dir = tempfile::tempdir().unwrap();
    let server = Server::replying([Reply::cut(ONE, 7), Reply::part(&ONE[7..], "bytes 7-33/34")]);
    try_fetch(&plain, dir.path(), &server).unwrap();
    assert_eq!(fs::read(dir.path().join("one.bin")).unwrap(), ONE);
    assert_eq!(plain.verified(dir.path(), &plain.files[0]).unwrap(), ONE);
    assert_eq!(names(dir.path()), set(&["one.bin"]));
    let wrong = ONE.iter().rev().copied().collect::<Vec<u8>>();
    fails(&plain, Reply::whole(wrong), "one.bin has sha256");
    fails(&plain, Reply::whole(ONE[1..].to_vec()), "one.bin is 33 bytes long");
}

#[test]
fn a_file_under_another_name_is_installed_under_its_own() {
    let release = testing::release(FilePacking::PlainAt("v2/other-name"), &[("one.bin", ONE)]);
    let dir = tempfile::tempdir().unwrap();
    let server = Server::replying([Reply::whole(ONE)]);
    let report = try_fetch(&release, dir.path(), &server).unwrap();
    assert_eq!(report.fetched, ["one.bin"]);
    assert_eq!(server.seen()[0].path, "/v2/other-name");
    assert_eq!(names(dir.path()), set(&["one.bin"]));
}

/// The package of the fuzzer's seeds, whose files are `one.bin`, empty, and `two.bin`, "abc".
#[test]
fn the_files_of_a_debian_package_stay_gzipped_and_are_read() {
    let files: [(&str, &[u8]); 2] = [("one.bin", b""), ("two.bin", b"abc")];
    let release = testing::release(FilePacking::Deb("pool/a/a_1~1_all.deb"), &files);
    let package = &include_bytes!("../../../../../fuzz/seeds/deb/whole.deb")[..];
    let dir = tempfile::tempdir().unwrap();
    let server = Server::replying([Reply::cut(package, 300), Reply::whole(package)]);
    try_fetch(&release, dir.path(), &server).unwrap();
    assert_eq!(server.seen()[1].path, "/pool/a/a_1~1_all.deb");
    assert_eq!(names(dir.path()), set(&["one.bin.gz", "two.bin.gz"]));
    assert_eq!(release.verified(dir.path(), &release.files[1]).unwrap(), b"abc");
    assert!(release.missing(dir.path()).is_empty());
}

#[test]
fn every_origin_of_the_published_datasets_is_found_and_no_other() {
    for release in crate::RELEASES {
        assert_eq!(release.origins()[0], Origin::Official, "{}", release.title);
        for source in release.sources {
            assert_eq!(release.source(source.origin), Some(source));
            assert!(!source.base_url.ends_with('/'));
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let result = fetch_from(&crate::MNIST, Origin::Debian, dir.path(), &mut crate::silent);
    let message = result.unwrap_err().to_string();
    assert_eq!(message, "MNIST cannot be fetched from debian, only from official, npm");
    assert_eq!(names(dir.path()), set(&[]));
}

#[test]
fn a_fetch_reports_its_files_and_its_progress() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "one.bin", ONE);
    let archive = tarball(&[("one.bin", ONE), ("two.bin", TWO)]);
    let (server, bytes) = (Server::replying([Reply::whole(archive.clone())]), archive.len() as u64);
    let mut events = vec![];
    let mut progress = |event: LoadEvent<'_>| events.push(format!("{event:?}"));
    let release = archive_release();
    let source = &release.sources[0];
    let report =
        fetch_with(PATIENT, &release, source, &server.url, dir.path(), &mut progress).unwrap();
    assert_eq!((report.fetched, report.kept), (vec!["two.bin"], vec!["one.bin"]));
    let total = Some(bytes);
    let last = LoadEvent::Downloading { file: "all.tar.gz", received: bytes, total };
    let end = [format!("{last:?}"), format!("{:?}", LoadEvent::Ended)];
    assert_eq!(events[events.len() - 2..], end);
}

#[test]
fn gzipped_files_stay_gzipped() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::replying([Reply::unannounced(gzip(ONE))]);
    try_fetch(&gzip_release(), dir.path(), &server).unwrap();
    assert_eq!(names(dir.path()), set(&["one.gz"]));
    assert_eq!(fs::read(dir.path().join("one.gz")).unwrap(), gzip(ONE));
}

#[test]
fn files_that_are_there_are_not_asked_for_nor_touched() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "one.bin", b"my own");
    let server = Server::replying([Reply::whole(tarball(&[("one.bin", ONE), ("two.bin", TWO)]))]);
    try_fetch(&archive_release(), dir.path(), &server).unwrap();
    assert_eq!(fs::read(dir.path().join("one.bin")).unwrap(), b"my own");
    assert_eq!(fs::read(dir.path().join("two.bin")).unwrap(), TWO);
    // Nothing is missing now, so no server is contacted.
    try_fetch(&archive_release(), dir.path(), &server).unwrap();
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn an_archive_writes_only_where_we_say() {
    let outer = tempfile::tempdir().unwrap();
    let inner = outer.path().join("inner");
    let bytes = tarball(&[("../../one.bin", ONE), ("/two.bin", TWO), ("../evil", b"evil")]);
    try_fetch(&archive_release(), &inner, &Server::replying([Reply::whole(bytes)])).unwrap();
    assert_eq!(names(outer.path()), set(&["inner"]));
    assert_eq!(names(&inner), set(&["one.bin", "two.bin"]));
}

#[test]
fn nobody_there() {
    let dir = tempfile::tempdir().unwrap();
    let release = archive_release();
    let error = release.ensure(dir.path(), &mut crate::silent).unwrap_err();
    let message = error.to_string();
    let place = dir.path().display().to_string();
    for part in [place.as_str(), "one.bin", "two.bin", release.title] {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("http://127.0.0.1:1/all.tar.gz"), "{cause}");
    assert_eq!(names(dir.path()), set(&[]));
}

#[test]
fn a_cut_without_a_length_is_seen_in_the_content() {
    let bytes = gzip(ONE);
    let reply = Reply::unannounced(&bytes[..bytes.len() / 2]);
    fails(&gzip_release(), reply, "one.gz is not a whole gzip file");
}

#[test]
fn a_length_that_is_too_small_is_seen_in_the_content() {
    let bytes = gzip(ONE);
    let reply = Reply::announced(bytes.len() / 2, bytes);
    fails(&gzip_release(), reply, "one.gz is not a whole gzip file");
}

#[test]
fn a_flood_is_as_long_as_the_published_file_allows() {
    fails(&gzip_release(), Reply::whole([7; 2000]), "announces more than 1062 bytes");
}

#[test]
fn wrong_bytes_are_not_kept_nor_asked_for_again() {
    let reply = Reply::whole(gzip(b"First file, first file, first file"));
    fails(&gzip_release(), reply, "one has sha256");
    fails(&gzip_release(), Reply::whole(gzip(b"short")), "one is 5 bytes long");
    fails(&gzip_release(), Reply::whole(gzip(&[7; 200])), "one is longer than");
    let wrong = tarball(&[("one.bin", TWO), ("two.bin", TWO)]);
    fails(&archive_release(), Reply::whole(wrong), "one.bin is 11 bytes long");
}

#[test]
fn a_page_instead_of_a_file() {
    fails(&gzip_release(), Reply::whole("<html>sign in</html>"), "one is 20 bytes");
    fails(&archive_release(), Reply::whole("<html>"), "damaged archive");
}

#[test]
fn the_next_fetch_goes_on_where_this_one_stopped() {
    let whole = tarball(&[("one.bin", ONE), ("two.bin", TWO)]);
    for at in [1, whole.len() / 2, whole.len() - 1] {
        let dir = tempfile::tempdir().unwrap();
        let cut = Reply::cut(&whole, at);
        let server = Server::new(move |_| cut.clone());
        let message = try_fetch(&archive_release(), dir.path(), &server).unwrap_err().to_string();
        assert!(message.contains("the next try goes on from there"), "{message}");
        assert_eq!(names(dir.path()), set(&[".fetch"]));
        let whole = whole.clone();
        let server = Server::new(move |request| Reply::ranged(&whole, request));
        try_fetch(&archive_release(), dir.path(), &server).unwrap();
        assert_eq!(server.asked_from(), [Some(at as u64)]);
        assert_eq!(names(dir.path()), set(&["one.bin", "two.bin"]));
    }
}

#[test]
fn files_that_came_before_a_failure_are_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let release = testing::release(FilePacking::Gzip, &[("one", ONE), ("two", TWO)]);
    let server = Server::replying([Reply::whole(gzip(ONE)), Reply::status(404)]);
    try_fetch(&release, dir.path(), &server).unwrap_err();
    assert_eq!(names(dir.path()), set(&["one.gz"]));
    try_fetch(&release, dir.path(), &Server::replying([Reply::whole(gzip(TWO))])).unwrap();
    assert_eq!(names(dir.path()), set(&["one.gz", "two.gz"]));
}

#[test]
fn halves_of_two_versions_are_fetched_once_more_from_zero() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), ".fetch/one.gz.part", b"of an older version");
    let server = Server::new(|request| Reply::ranged(&gzip(ONE), request));
    try_fetch(&gzip_release(), dir.path(), &server).unwrap();
    assert_eq!(server.asked_from(), [Some(19), None]);
    assert_eq!(names(dir.path()), set(&["one.gz"]));
}

#[test]
fn what_is_wrong_from_zero_too_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), ".fetch/one.gz.part", b"half");
    let server = Server::new(|request| Reply::ranged(b"neither half is right", request));
    let message = try_fetch(&gzip_release(), dir.path(), &server).unwrap_err().to_string();
    assert!(message.contains("one is 21 bytes long"), "{message}");
    assert_eq!(server.asked_from(), [Some(4), None]);
    assert_eq!(names(dir.path()), set(&[]));
}

#[test]
fn an_archive_that_came_whole_is_not_asked_for_again_unless_it_is_wrong() {
    let whole = tarball(&[("one.bin", ONE), ("two.bin", TWO)]);
    for (left, requests) in [(&whole[..], 0), (b"damaged", 1)] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), ".fetch/all.tar.gz", left);
        // As a kill between two renames leaves it.
        write(dir.path(), "one.bin", ONE);
        write(dir.path(), ".fetch/two.bin", b"second");
        let server = Server::replying([Reply::whole(whole.clone())]);
        try_fetch(&archive_release(), dir.path(), &server).unwrap();
        assert_eq!(server.seen().len(), requests);
        assert_eq!(names(dir.path()), set(&["one.bin", "two.bin"]));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_keeps_the_archive_and_no_half_file() {
    let dir = tempfile::tempdir().unwrap();
    let whole = tarball(&[("one.bin", ONE), ("two.bin", TWO)]);
    // The device that is always full.
    let two = write(dir.path(), ".fetch/two.bin", b"");
    fs::remove_file(&two).unwrap();
    std::os::unix::fs::symlink("/dev/full", &two).unwrap();
    let server = Server::replying([Reply::whole(whole.clone())]);
    let error = try_fetch(&archive_release(), dir.path(), &server).unwrap_err();
    let DataError::Io { action: "write", path, source } = &error else { panic!("{error:?}") };
    assert_eq!((path, source.kind()), (&two, std::io::ErrorKind::StorageFull));
    assert_eq!(names(dir.path()), set(&[".fetch"]));
    try_fetch(&archive_release(), dir.path(), &server).unwrap();
    assert_eq!(server.seen().len(), 1);
    assert_eq!(names(dir.path()), set(&["one.bin", "two.bin"]));
}

#[test]
fn two_at_once_are_told_apart_and_nothing_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let _first = Workspace::open(dir.path()).unwrap();
    let server = Server::replying([]);
    let result = try_fetch(&gzip_release(), dir.path(), &server);
    assert!(matches!(result, Err(DataError::Busy { .. })), "{result:?}");
    assert_eq!(server.seen(), []);
    let result = gzip_release().ensure(dir.path(), &mut crate::silent);
    assert!(matches!(result, Err(DataError::Busy { .. })), "{result:?}");
}

#[test]
fn a_file_in_the_place_of_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "file", b"");
    let result = fetch_from(&gzip_release(), Origin::Official, &path, &mut crate::silent);
    assert!(matches!(result, Err(DataError::Io { .. })));
}

/// Kills this very program while it fetches, run anew for the purpose.
mod killed {
    use std::process::{Command, Stdio};

    use super::*;

    const DIR: &str = "HALFSTEP_TEST_FETCH_INTO";
    const URL: &str = "HALFSTEP_TEST_FETCH_FROM";

    /// What the other process does; among the other tests it does nothing.
    #[test]
    fn fetch_where_told() {
        let Some(dir) = std::env::var_os(DIR) else { return };
        let url = std::env::var(URL).unwrap();
        let (release, silent) = (gzip_release(), &mut crate::silent);
        let _ = fetch_with(PATIENT, &release, &release.sources[0], &url, dir.as_ref(), silent);
    }

    #[test]
    fn at_any_byte_its_lock_ends_and_the_next_fetch_goes_on() {
        let whole = gzip(ONE);
        for at in [0, 1, whole.len() / 2, whole.len() - 1] {
            let dir = tempfile::tempdir().unwrap();
            let cut = Reply::cut(&whole, at).then_silent();
            let server = Server::replying([cut]);
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "published::fetch::tests::killed::fetch_where_told"])
                .env(DIR, dir.path())
                .env(URL, &server.url)
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            let part = dir.path().join(".fetch/one.gz.part");
            while fs::metadata(&part).map(|file| file.len()).ok() != Some(at as u64) {
                assert_eq!(child.try_wait().unwrap(), None, "it ended before it was killed");
                std::thread::sleep(Duration::from_millis(1));
            }
            let result = try_fetch(&gzip_release(), dir.path(), &server);
            assert!(matches!(result, Err(DataError::Busy { .. })), "{result:?}");
            child.kill().unwrap();
            child.wait().unwrap();

            let again = whole.clone();
            let server = Server::new(move |request| Reply::ranged(&again, request));
            try_fetch(&gzip_release(), dir.path(), &server).unwrap();
            assert_eq!(server.asked_from(), [(at > 0).then_some(at as u64)]);
            assert_eq!(names(dir.path()), set(&["one.gz"]));
        }
    }
}
