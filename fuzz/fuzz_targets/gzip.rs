//! A file that may be gzipped is read up to the limit, whatever its unpacked size.
#![no_main]

use halfstep_data::fuzzing;
use halfstep_fuzz::file;
use libfuzzer_sys::fuzz_target;

const LIMIT: u64 = 10_000;

fuzz_target!(|bytes: &[u8]| {
    let path = file("input.gz", bytes);
    let Ok(contents) = fuzzing::gzip(&path, LIMIT) else { return };
    assert!(contents.len() as u64 <= LIMIT);
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        assert_eq!(contents, bytes[..bytes.len().min(LIMIT as usize)]);
    }
    // A smaller limit gives the beginning of the same content.
    let half = contents.len() / 2;
    let beginning = fuzzing::gzip(&path, half as u64).expect("what was readable is readable");
    assert_eq!(beginning, contents[..half]);
});
