//! Weights that are accepted are finite, and are written as equal weights.
#![no_main]

use std::sync::LazyLock;

use burn::tensor::Device;
use halfstep_fuzz::{file, tiny_unet};
use halfstep_model::{UNet, first_not_finite, flat_params, load_weights, save_weights};
use libfuzzer_sys::fuzz_target;

static NETWORK: LazyLock<UNet> = LazyLock::new(|| tiny_unet(&Device::flex()));

fuzz_target!(|bytes: &[u8]| {
    let path = file("weights.safetensors", bytes);
    let Ok(unet) = load_weights(NETWORK.clone(), &path) else { return };
    assert_eq!(first_not_finite(&unet).expect("the CPU"), None);
    let copy = file("copy.safetensors", &[]);
    save_weights(&unet, &copy).expect("weights can be written");
    let again = load_weights(NETWORK.clone(), &copy).expect("and read");
    for (one, other) in flat_params(&unet).into_iter().zip(flat_params(&again)) {
        assert_eq!(one.into_data(), other.into_data());
    }
});
