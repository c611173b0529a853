//! The network that fuzzed weights are for.

use burn::tensor::Device;
use halfstep_model::{BlockType, ImageSize, UNet, UNetConfig};

/// As small as a network gets.
pub fn tiny_unet(device: &Device) -> UNet {
    let config = UNetConfig {
        sample_size: Some(ImageSize::Square(2)),
        in_channels: 1,
        out_channels: 1,
        block_out_channels: vec![4],
        down_block_types: vec![BlockType::DownBlock2D],
        up_block_types: vec![BlockType::UpBlock2D],
        layers_per_block: 1,
        norm_num_groups: 1,
        attention_head_dim: None,
        ..UNetConfig::default()
    };
    UNet::zeroed(&config, device).expect("a configuration that is accepted")
}
