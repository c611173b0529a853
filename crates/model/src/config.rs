//! `unet/config.json`: diffusers' `UNet2DModel` configuration.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A down or up block, by diffusers' class name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockType {
    /// Residual blocks, then a stride-2 convolution.
    DownBlock2D,
    /// The same with self-attention after every residual block.
    AttnDownBlock2D,
    /// Residual blocks over the skip connections, then nearest upsampling and a convolution.
    UpBlock2D,
    /// The same with self-attention after every residual block.
    AttnUpBlock2D,
}

impl BlockType {
    pub(crate) fn has_attention(self) -> bool {
        matches!(self, Self::AttnDownBlock2D | Self::AttnUpBlock2D)
    }

    pub(crate) fn is_down(self) -> bool {
        matches!(self, Self::DownBlock2D | Self::AttnDownBlock2D)
    }
}

/// The shape of a [`UNet`](crate::UNet), field for field diffusers' `UNet2DModel` (0.42), with its
/// defaults. Fields that this crate accepts only at their default are kept in
/// [`fixed`](Self::fixed), so that a file read and written again says the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UNetConfig {
    /// Image height and width in pixels.
    pub sample_size: Option<usize>,
    /// Channels of `z`.
    pub in_channels: usize,
    /// Channels of the prediction.
    pub out_channels: usize,
    /// Subtracted in the frequency exponent's denominator, `half - freq_shift`.
    pub freq_shift: usize,
    /// `[cos, sin]` instead of `[sin, cos]` in the time embedding.
    pub flip_sin_to_cos: bool,
    /// One entry a resolution, finest first.
    pub down_block_types: Vec<BlockType>,
    /// One entry a resolution, coarsest first.
    pub up_block_types: Vec<BlockType>,
    /// Channels at each resolution, finest first.
    pub block_out_channels: Vec<usize>,
    /// Residual blocks a down block; an up block has one more.
    pub layers_per_block: usize,
    /// Padding of the stride-2 convolution; 0 pads one row below and one column to the right.
    pub downsample_padding: usize,
    /// Dropout probability inside residual blocks while training.
    pub dropout: f64,
    /// Channels of one attention head; `null` means one head over all channels.
    pub attention_head_dim: Option<usize>,
    /// Groups of every group norm.
    pub norm_num_groups: usize,
    /// Epsilon of every group norm.
    pub norm_eps: f64,
    /// Number of classes of a learned class embedding.
    pub num_class_embeds: Option<usize>,
    /// Everything else the file says. Checked by [`UNetConfig::validate`].
    #[serde(flatten)]
    pub fixed: Map<String, Value>,
}

impl Default for UNetConfig {
    fn default() -> Self {
        use BlockType::{AttnDownBlock2D, AttnUpBlock2D, DownBlock2D, UpBlock2D};
        Self {
            sample_size: None,
            in_channels: 3,
            out_channels: 3,
            freq_shift: 0,
            flip_sin_to_cos: true,
            down_block_types: vec![DownBlock2D, AttnDownBlock2D, AttnDownBlock2D, AttnDownBlock2D],
            up_block_types: vec![AttnUpBlock2D, AttnUpBlock2D, AttnUpBlock2D, UpBlock2D],
            block_out_channels: vec![224, 448, 672, 896],
            layers_per_block: 2,
            downsample_padding: 1,
            dropout: 0.0,
            attention_head_dim: Some(8),
            norm_num_groups: 32,
            norm_eps: 1e-5,
            num_class_embeds: None,
            fixed: Map::new(),
        }
    }
}

impl UNetConfig {
    /// Width of the time embedding after its first layer.
    pub fn time_embed_dim(&self) -> usize {
        self.block_out_channels.first().copied().unwrap_or(0) * 4
    }

    /// Number of attention heads over `channels`.
    pub(crate) fn heads(&self, channels: usize) -> usize {
        channels / self.attention_head_dim.unwrap_or(channels).max(1)
    }

    /// Height and width must be multiples of this.
    pub fn size_multiple(&self) -> usize {
        1 << (self.block_out_channels.len().max(1) - 1)
    }
}
