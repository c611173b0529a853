//! A `unet/config.json` that is accepted builds a network whose output has the shape of its input, and is written as
//! an equal one.
#![no_main]

use burn::tensor::{Device, Tensor};
use halfstep_model::{ClassInput, UNet, UNetConfig};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(config) = serde_json::from_slice::<UNetConfig>(bytes) else { return };
    if config.validate().is_err() {
        return;
    }
    let text = serde_json::to_string(&config).expect("a configuration can be written");
    let again: UNetConfig = serde_json::from_str(&text).expect("and read");
    assert_eq!(again, config);
    if !is_small(&config) {
        return;
    }
    let device = Device::flex();
    let unet = UNet::zeroed(&config, &device).expect("an accepted configuration builds");
    let [height, width] = config.image_sides();
    if height.max(width) <= 8 {
        let z = Tensor::zeros([1, config.in_channels, height, width], &device);
        let label = (config.class_input() != ClassInput::None).then_some(&[0][..]);
        let output = unet.forward(z, &[1.0], label, None);
        assert_eq!(output.dims(), [1, config.out_channels, height, width]);
    }
});

/// Whether building the network is a matter of milliseconds.
fn is_small(config: &UNetConfig) -> bool {
    config.block_out_channels.len() <= 3
        && config.block_out_channels.iter().all(|&channels| channels <= 16)
        && config.layers_per_block <= 2
        && config.in_channels.max(config.out_channels) <= 16
        && config.num_class_embeds.unwrap_or(1) <= 100
        && config.time_embedding_dim.unwrap_or(1) <= 64
}
