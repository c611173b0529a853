//! Unpacking a Debian package writes the wanted files, gzipped, into its folder and nothing else; every file
//! that it reports as arrived is right.
#![no_main]

use std::fs;

use flate2::read::MultiGzDecoder;
use halfstep_data::{PublishedFile, fuzzing};
use halfstep_fuzz::{WANTED, file, names};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let outer = tempfile::tempdir().expect("a temporary folder");
    let work = outer.path().join("work");
    fs::create_dir(&work).expect("a folder");
    let package = file("input.deb", bytes);

    let wanted: Vec<&'static PublishedFile> = WANTED.iter().collect();
    let arrived = fuzzing::deb(&package, &wanted, &work);

    assert_eq!(names(outer.path()), ["work"]);
    assert!(names(&work).iter().all(|name| name == "one.bin.gz" || name == "two.bin.gz"));
    for (path, name) in arrived.unwrap_or_default() {
        let gzipped = fs::File::open(path).expect("a file that arrived");
        let content = std::io::read_to_string(MultiGzDecoder::new(gzipped)).expect("whole gzip");
        assert_eq!(content, if name == "one.bin.gz" { "" } else { "abc" });
    }
});
