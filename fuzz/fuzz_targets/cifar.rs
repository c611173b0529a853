//! A file of CIFAR-10 gives one label in range and one image for every record, or nothing.
#![no_main]

use halfstep_data::fuzzing;
use libfuzzer_sys::fuzz_target;

const IMAGE: usize = 3 * 32 * 32;

fuzz_target!(|bytes: &[u8]| {
    if let Ok((pixels, labels)) = fuzzing::cifar(bytes) {
        assert_eq!(labels.len() * (1 + IMAGE), bytes.len());
        assert_eq!(labels.len() * IMAGE, pixels.len());
        for (i, record) in bytes.chunks(1 + IMAGE).enumerate() {
            assert!(labels[i] < 10);
            assert_eq!(labels[i], u32::from(record[0]));
            assert_eq!(pixels[i * IMAGE..][..IMAGE], record[1..]);
        }
    }
});
