//! Any file gives a picture of the requested size or none, and decoding takes memory in proportion to the file.
#![no_main]

use halfstep_data::fuzzing;
use halfstep_fuzz::file;
use libfuzzer_sys::fuzz_target;

const SIZE: u32 = 16;

fuzz_target!(|bytes: &[u8]| {
    let path = file("input.png", bytes);
    let rgb = fuzzing::picture(&path, SIZE, true);
    let grey = fuzzing::picture(&path, SIZE, false);
    match (rgb, grey) {
        (Ok(rgb), Ok(grey)) => {
            assert_eq!(rgb.len(), 3 * (SIZE * SIZE) as usize);
            assert_eq!(grey.len(), (SIZE * SIZE) as usize);
        }
        (Err(_), Err(_)) => {}
        (rgb, grey) => panic!("readable in one colour only: {rgb:?}, {grey:?}"),
    }
});
