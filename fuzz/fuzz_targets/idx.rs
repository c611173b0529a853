//! The header of an idx file gives exactly the number of bytes after it.
#![no_main]

use halfstep_data::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    check::<1>(bytes);
    check::<3>(bytes);
});

fn check<const RANK: usize>(bytes: &[u8]) {
    if let Ok((dims, elements)) = fuzzing::idx::<RANK>(bytes) {
        let claimed: u128 = dims.iter().map(|&dim| dim as u128).product();
        assert_eq!(claimed, elements.len() as u128);
        assert_eq!(elements.len() + 4 + 4 * RANK, bytes.len());
    }
}
