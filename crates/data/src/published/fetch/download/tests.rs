use super::*;
use crate::testing::{Reply, Server, names, write};

const FILE: &[u8] = b"the bytes of a file, every one of them";
const HALF: usize = FILE.len() / 2;
const LIMIT: usize = 1000;

/// Longer than any test: what a test does not wait for may come when it likes.
const PATIENT: Patience = Patience {
    silence: Duration::from_secs(60),
    pauses: &[Duration::ZERO, Duration::ZERO, Duration::ZERO],
};
/// Where a silent server is waited for; long enough for one that is not silent.
const HASTY: Patience = Patience { silence: Duration::from_secs(1), ..PATIENT };

struct Outcome {
    result: Result<Came, DataError>,
    /// What is there under its name.
    whole: Option<Vec<u8>>,
    /// What is kept for the next try.
    part: Option<Vec<u8>>,
}

/// Downloads `/file` into a folder where the bytes `part` are already.
fn download(server: &Server, part: Option<&[u8]>, patience: Patience) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    if let Some(part) = part {
        write(dir.path(), "file.part", part);
    }
    let download = Download {
        url: &format!("{}/file", server.url),
        path: &dir.path().join("file"),
        limit: LIMIT as u64,
        patience,
    };
    let result = download.run(&mut crate::silent);
    let read = |name| fs::read(dir.path().join(name)).ok();
    assert!(names(dir.path()).iter().all(|name| ["file", "file.part"].contains(&&name[..])));
    Outcome { result, whole: read("file"), part: read("file.part") }
}

/// That the file comes, and where in it the server was asked to begin.
#[track_caller]
fn comes(server: &Server, part: Option<&[u8]>, came: Came, asked: &[Option<usize>]) {
    comes_to(server, part, PATIENT, came, asked);
}

#[track_caller]
fn comes_to(
    server: &Server,
    part: Option<&[u8]>,
    patience: Patience,
    came: Came,
    asked: &[Option<usize>],
) {
    let outcome = download(server, part, patience);
    assert_eq!(outcome.result.unwrap(), came);
    assert_eq!((outcome.whole.as_deref(), outcome.part), (Some(FILE), None));
    let asked: Vec<Option<u64>> = asked.iter().map(|from| from.map(|n| n as u64)).collect();
    assert_eq!(server.asked_from(), asked);
}

/// That it does not, for this reason, after so many requests; what is kept.
#[track_caller]
fn fails(server: &Server, part: Option<&[u8]>, reason: &str, requests: usize) -> Option<Vec<u8>> {
    let outcome = download(server, part, PATIENT);
    let message = outcome.result.unwrap_err().to_string();
    assert!(message.contains("http://127.0.0.1:"), "{message}");
    assert!(message.contains(reason), "{reason} is not in: {message}");
    assert_eq!(outcome.whole, None);
    assert_eq!(server.seen().len(), requests);
    assert_eq!(message.contains("the next try goes on"), outcome.part.is_some(), "{message}");
    outcome.part
}

fn ranges() -> Server {
    Server::new(|request| Reply::ranged(FILE, request))
}

#[test]
fn a_whole_file_comes_at_once_announced_or_not() {
    comes(&ranges(), None, Came::Whole, &[None]);
    comes(&Server::replying([Reply::unannounced(FILE)]), None, Came::Whole, &[None]);
}

#[test]
fn a_cut_download_goes_on_where_it_was_cut() {
    for at in 1..FILE.len() {
        let replies = [
            Reply::cut(FILE, at),
            Reply::part(&FILE[at..], &format!("bytes {at}-{}/{}", FILE.len() - 1, FILE.len())),
        ];
        comes(&Server::replying(replies), None, Came::InParts, &[None, Some(at)]);
    }
}

#[test]
fn a_download_of_an_earlier_try_goes_on_at_every_byte() {
    for at in 1..=FILE.len() {
        comes(&ranges(), Some(&FILE[..at]), Came::InParts, &[Some(at)]);
    }
    comes(&ranges(), Some(b""), Came::Whole, &[None]);
}

#[test]
fn a_server_without_ranges_sends_all_and_nothing_is_appended() {
    let server = Server::new(|_| Reply::whole(FILE));
    comes(&server, Some(&FILE[..HALF]), Came::Whole, &[Some(HALF)]);
}

#[test]
fn a_server_that_refuses_ranges_is_asked_for_all() {
    for status in [400, 403, 501] {
        let server = Server::new(move |request| match request.from {
            Some(_) => Reply::status(status),
            None => Reply::whole(FILE),
        });
        comes(&server, Some(&FILE[..HALF]), Came::Whole, &[Some(HALF), None]);
    }
    // One that refuses the file too has cost nothing.
    let server = Server::new(|_| Reply::status(404));
    let outcome = download(&server, Some(&FILE[..HALF]), PATIENT);
    assert!(outcome.result.unwrap_err().to_string().contains("404"));
    assert_eq!(outcome.part.as_deref(), Some(&FILE[..HALF]));
    assert_eq!(server.asked_from(), [Some(HALF as u64), None]);
}

#[test]
fn another_part_than_asked_for_is_not_appended() {
    let whole = FILE.len();
    for range in [
        format!("bytes 3-{}/{whole}", whole - 1),
        format!("bytes {HALF}-{}/{}", whole - 1, whole - 1),
        format!("lines {HALF}-{}/{whole}", whole - 1),
        format!("bytes {HALF}-/{whole}"),
        format!("bytes -{HALF}/{whole}"),
        format!("bytes {HALF}-{}/18446744073709551616", whole - 1),
        format!("bytes {HALF}-18446744073709551616/*"),
        format!("bytes {HALF}-3/*"),
        "bytes".into(),
    ] {
        let server = Server::replying([Reply::part(b"wrong", &range), Reply::whole(FILE)]);
        comes(&server, Some(&FILE[..HALF]), Came::Whole, &[Some(HALF), None]);
    }
}

#[test]
fn a_part_that_is_cut_or_shorter_than_the_rest_goes_on_too() {
    let (end, whole) = (FILE.len() - 1, FILE.len());
    let server = Server::replying([
        Reply::part(&FILE[HALF..HALF + 2], &format!("bytes {HALF}-{}/{whole}", HALF + 1)),
        Reply::part(&FILE[HALF + 2..], &format!("bytes {}-{end}/*", HALF + 2)),
    ]);
    let asked = [Some(HALF), Some(HALF + 2)];
    comes(&server, Some(&FILE[..HALF]), Came::InParts, &asked);
}

#[test]
fn a_silent_server_is_left_and_asked_again() {
    let silent = Reply::cut(FILE, HALF).then_silent();
    let rest = format!("bytes {HALF}-{}/*", FILE.len() - 1);
    let server = Server::replying([silent, Reply::part(&FILE[HALF..], &rest)]);
    comes_to(&server, None, HASTY, Came::InParts, &[None, Some(HALF)]);
}

#[test]
fn a_server_that_stays_silent_is_given_up_and_what_came_is_kept() {
    let server = Server::new(|_| Reply::cut(FILE, HALF).then_silent());
    let patience = Patience { pauses: &[], ..HASTY };
    let outcome = download(&server, None, patience);
    let message = outcome.result.unwrap_err().to_string();
    let cut = format!("cut after {HALF} of {} bytes (nothing came for 1 s)", FILE.len());
    assert!(message.contains(&cut), "{message}");
    assert!(message.contains(&format!("the {HALF} bytes that came are kept")), "{message}");
    assert_eq!(outcome.part.as_deref(), Some(&FILE[..HALF]));
}

/// In all it takes longer than a silence may.
#[test]
fn a_slow_but_steady_server_is_waited_for() {
    let pause = HASTY.silence * 2 / FILE.len() as u32;
    let server = Server::new(move |request| Reply::ranged(FILE, request).slowly(pause));
    comes_to(&server, None, HASTY, Came::Whole, &[None]);
}

#[test]
fn a_server_in_trouble_is_asked_again() {
    let trouble = [500, 502, 503].map(Reply::status);
    let server = Server::replying([&trouble[..], &[Reply::whole(FILE)]].concat());
    comes(&server, None, Came::Whole, &[None; 4]);
}

#[test]
fn trouble_that_stays_is_told() {
    let server = Server::new(|_| Reply::status(503));
    assert_eq!(fails(&server, None, "503, at the last of 4 tries", 4), None);
    let server = Server::replying(vec![Reply::cut(FILE, 5); 4]);
    assert_eq!(fails(&server, None, "cut after 5 of 38 bytes", 4), Some(FILE[..5].to_vec()));
}

#[test]
fn a_refusal_is_not_asked_again() {
    for status in [403, 404, 410] {
        let server = Server::new(move |_| Reply::status(status));
        fails(&server, None, &format!("http status: {status}"), 1);
    }
}

#[test]
fn a_length_that_is_too_large_is_a_cut() {
    let long = FILE.len() + 9;
    let server = Server::new(move |_| Reply::announced(long, FILE));
    let kept = fails(&server, None, &format!("cut after {} of {long}", FILE.len()), 4);
    assert_eq!(kept.as_deref(), Some(FILE));
}

/// What lies beyond the announced end is not the file's. Who verifies it will see.
#[test]
fn a_length_that_is_too_small_ends_the_file() {
    let server = Server::new(|_| Reply::announced(HALF, FILE));
    let outcome = download(&server, None, PATIENT);
    assert_eq!(outcome.whole.as_deref(), Some(&FILE[..HALF]));
}

#[test]
fn a_flood_is_not_stored_announced_or_not() {
    let flood = vec![7; LIMIT + 1];
    let reply = Reply::whole(flood.clone());
    let server = Server::new(move |_| reply.clone());
    assert_eq!(fails(&server, None, "announces more than 1000 bytes", 1), None);
    let reply = Reply::unannounced(flood.clone());
    let server = Server::new(move |_| reply.clone());
    assert_eq!(fails(&server, None, "sends more than 1000 bytes", 1), None);
    let server = Server::new(move |request| match request.from {
        Some(_) => Reply::part(&flood, "bytes 19-1019/*"),
        None => Reply::unannounced(flood.clone()),
    });
    assert_eq!(fails(&server, Some(&FILE[..HALF]), "sends more than 1000 bytes", 2), None);
}

#[test]
fn redirects_are_followed_with_the_range() {
    for status in [301, 302, 303, 307, 308] {
        let server = Server::new(move |request| match request.path.as_str() {
            "/file" => Reply::redirect(status, "/moved/file"),
            _ => Reply::ranged(FILE, request),
        });
        let asked = [Some(HALF), Some(HALF)];
        comes(&server, Some(&FILE[..HALF]), Came::InParts, &asked);
        assert_eq!(server.seen()[1].path, "/moved/file");
    }
}

#[test]
fn redirects_in_a_circle_or_to_nowhere_end() {
    let server = Server::new(|_| Reply::redirect(302, "/file"));
    let outcome = download(&server, None, PATIENT);
    let message = outcome.result.unwrap_err().to_string();
    assert!(message.contains("too many redirects"), "{message}");
    let server = Server::new(|_| Reply::status(302));
    fails(&server, None, "missing a location header", 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_says_so() {
    let dir = tempfile::tempdir().unwrap();
    // The device that is always full.
    std::os::unix::fs::symlink("/dev/full", dir.path().join("file.part")).unwrap();
    let server = Server::new(|_| Reply::whole(FILE));
    let download = Download {
        url: &format!("{}/file", server.url),
        path: &dir.path().join("file"),
        limit: LIMIT as u64,
        patience: PATIENT,
    };
    let error = download.run(&mut crate::silent).unwrap_err();
    let DataError::Io { action: "write", path, source } = &error else { panic!("{error:?}") };
    assert_eq!(path, &dir.path().join("file.part"));
    assert_eq!(source.kind(), ErrorKind::StorageFull);
    assert!(!dir.path().join("file").exists());
    assert_eq!(server.seen().len(), 1);
}
