//! Start noise is read as finite numbers in the model's shape, or refused.
#![no_main]

use halfstep_fuzz::file;
use halfstep_sample::output::read_noise;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let path = file("noise.safetensors", bytes);
    let Ok(noise) = read_noise(&path, [1, 2, 2]) else { return };
    assert_eq!(noise.shape[1..], [1, 2, 2]);
    assert!(noise.shape[0] > 0);
    assert_eq!(noise.values.len(), noise.shape.iter().product::<usize>());
    assert!(noise.values.iter().all(|value| value.is_finite()));
});
