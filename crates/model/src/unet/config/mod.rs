//! `unet/config.json`: diffusers' `UNet2DModel` configuration.

mod check;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::class_input::ClassInput;
use crate::error::ModelError;
use crate::unet::architecture::{
    Activation, BlockType, ClassEmbedType, ImageSize, MidBlockType, Resampling, TimeEmbeddingType,
    TimeScaleShift,
};

/// The configuration of a [`UNet`](crate::UNet): field for field diffusers' `UNet2DModel` (0.42), with its
/// defaults. A value that is not supported is refused by its field's name when the file is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UNetConfig {
    /// Image height and width in pixels.
    pub sample_size: Option<ImageSize>,
    /// Channels of `z`.
    pub in_channels: usize,
    /// Channels of the prediction.
    pub out_channels: usize,
    /// The input is in `[0, 1]` and is first mapped to `[-1, 1]`: `2 z - 1`.
    pub center_input_sample: bool,
    /// How the time is embedded.
    pub time_embedding_type: TimeEmbeddingType,
    /// Width of the time embedding; `null` is four times the finest resolution's channels.
    pub time_embedding_dim: Option<usize>,
    /// Subtracted in the denominator of the frequency's exponent: `half - freq_shift`.
    pub freq_shift: usize,
    /// `[cos, sin]` instead of `[sin, cos]` in the time embedding.
    pub flip_sin_to_cos: bool,
    /// One block per resolution, finest first.
    pub down_block_types: Vec<BlockType>,
    /// The block between down and up; `null` is none.
    pub mid_block_type: Option<MidBlockType>,
    /// One block per resolution, coarsest first.
    pub up_block_types: Vec<BlockType>,
    /// Channels at each resolution, finest first.
    pub block_out_channels: Vec<usize>,
    /// Residual blocks per down block; an up block has one more.
    pub layers_per_block: usize,
    /// The mid block's residual sums are divided by this.
    pub mid_block_scale_factor: f64,
    /// Padding of the stride-2 convolution; 0 pads one row below and one column to the right.
    pub downsample_padding: usize,
    /// How `AttnDownBlock2D` halves the resolution; `null` is the default.
    #[serde(deserialize_with = "null_is_default")]
    pub downsample_type: Resampling,
    /// How `AttnUpBlock2D` doubles it; `null` is the default.
    #[serde(deserialize_with = "null_is_default")]
    pub upsample_type: Resampling,
    /// Dropout probability inside residual blocks while training.
    pub dropout: f64,
    /// The activation between layers.
    pub act_fn: Activation,
    /// Channels per attention head; `null` is one head over all channels.
    pub attention_head_dim: Option<usize>,
    /// Groups of every group norm.
    pub norm_num_groups: usize,
    /// Groups of the mid attention's norm; `null` is `norm_num_groups`, or no norm at all with
    /// `scale_shift`.
    pub attn_norm_num_groups: Option<usize>,
    /// Epsilon of every group norm.
    pub norm_eps: f64,
    /// How a residual block uses the time embedding.
    pub resnet_time_scale_shift: TimeScaleShift,
    /// Whether the mid block has attention.
    pub add_attention: bool,
    /// How a class is embedded; `null` is a row of a table if `num_class_embeds` is set.
    pub class_embed_type: Option<ClassEmbedType>,
    /// Number of classes of a learned table.
    pub num_class_embeds: Option<usize>,
    /// Used by a learned time embedding, which is not supported; kept as it is.
    pub num_train_timesteps: Option<usize>,
    /// All other fields of the file. [`UNetConfig::validate`] checks them.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Default for UNetConfig {
    fn default() -> Self {
        use BlockType::{AttnDownBlock2D, AttnUpBlock2D, DownBlock2D, UpBlock2D};
        Self {
            sample_size: None,
            in_channels: 3,
            out_channels: 3,
            center_input_sample: false,
            time_embedding_type: TimeEmbeddingType::default(),
            time_embedding_dim: None,
            freq_shift: 0,
            flip_sin_to_cos: true,
            down_block_types: vec![DownBlock2D, AttnDownBlock2D, AttnDownBlock2D, AttnDownBlock2D],
            mid_block_type: Some(MidBlockType::UNetMidBlock2D),
            up_block_types: vec![AttnUpBlock2D, AttnUpBlock2D, AttnUpBlock2D, UpBlock2D],
            block_out_channels: vec![224, 448, 672, 896],
            layers_per_block: 2,
            mid_block_scale_factor: 1.0,
            downsample_padding: 1,
            downsample_type: Resampling::default(),
            upsample_type: Resampling::default(),
            dropout: 0.0,
            act_fn: Activation::default(),
            attention_head_dim: Some(8),
            norm_num_groups: 32,
            attn_norm_num_groups: None,
            norm_eps: 1e-5,
            resnet_time_scale_shift: TimeScaleShift::default(),
            add_attention: true,
            class_embed_type: None,
            num_class_embeds: None,
            num_train_timesteps: None,
            other: Map::new(),
        }
    }
}

fn null_is_default<'de, D: Deserializer<'de>>(from: D) -> Result<Resampling, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

impl UNetConfig {
    /// Width of the time embedding after its first layer.
    pub fn time_embed_dim(&self) -> usize {
        let four_times = self.block_out_channels.first().copied().unwrap_or(0) * 4;
        self.time_embedding_dim.unwrap_or(four_times)
    }

    /// The class labels that the network takes.
    pub fn class_input(&self) -> ClassInput {
        match (self.class_embed_type, self.num_class_embeds) {
            (Some(ClassEmbedType::Timestep), _) => ClassInput::Number,
            (None, Some(classes)) => ClassInput::Table(classes),
            (None, None) => ClassInput::None,
        }
    }

    /// Number of attention heads over `channels`.
    pub(crate) fn heads(&self, channels: usize) -> usize {
        channels / self.attention_head_dim.unwrap_or(channels).max(1)
    }

    /// Groups of the norm before the mid block's attention; `None` is no norm.
    pub(crate) fn mid_attention_groups(&self) -> Option<usize> {
        match (self.attn_norm_num_groups, self.resnet_time_scale_shift) {
            (Some(groups), _) => Some(groups),
            (None, TimeScaleShift::Default) => Some(self.norm_num_groups),
            (None, TimeScaleShift::ScaleShift) => None,
        }
    }

    /// Height and width must be multiples of this number.
    pub fn size_multiple(&self) -> usize {
        1 << (self.block_out_channels.len().max(1) - 1)
    }

    /// Height and width of the images; the smallest possible if `sample_size` is not set.
    pub fn image_sides(&self) -> [usize; 2] {
        self.sample_size.unwrap_or(ImageSize::Square(self.size_multiple())).sides()
    }

    /// The shape `[C, H, W]` of the images that the network draws.
    ///
    /// # Errors
    /// [`ModelError::NoImageSize`] if `sample_size` is not set; [`ModelError::ImageChannels`] if the output
    /// has another number of channels than the input.
    pub fn image_shape(&self) -> Result<[usize; 3], ModelError> {
        let [height, width] =
            self.sample_size.map(ImageSize::sides).ok_or(ModelError::NoImageSize)?;
        match (self.in_channels, self.out_channels) {
            (input, output) if input == output => Ok([input, height, width]),
            (input, output) => Err(ModelError::ImageChannels { input, output }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_draws_has_an_image_shape() {
        let sized = UNetConfig { sample_size: Some([8, 16].into()), ..UNetConfig::default() };
        assert_eq!(sized.image_shape().unwrap(), [3, 8, 16]);
        let without_size = UNetConfig::default().image_shape();
        assert!(matches!(without_size, Err(ModelError::NoImageSize)));
        let masked = UNetConfig { in_channels: 4, ..sized };
        let refused = masked.image_shape();
        assert!(matches!(refused, Err(ModelError::ImageChannels { input: 4, output: 3 })));
    }
}
