//! What the tests of the objectives share.

use burn::tensor::Device;
use halfstep_model::{BlockType, ImageSize, UNet, UNetConfig};

/// A network for grey images of `side` x `side` that predicts 0 everywhere.
pub(super) fn zero_network(side: usize) -> UNet {
    let config = UNetConfig {
        sample_size: Some(ImageSize::Square(side)),
        in_channels: 1,
        out_channels: 1,
        block_out_channels: vec![4],
        down_block_types: vec![BlockType::DownBlock2D],
        up_block_types: vec![BlockType::UpBlock2D],
        layers_per_block: 1,
        norm_num_groups: 4,
        attention_head_dim: None,
        ..UNetConfig::default()
    };
    UNet::zeroed(&config, &Device::flex()).unwrap()
}
