//! The options of a `UNet2DModel` that choose between layers, by diffusers' names.

use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

/// A down or up block, by diffusers' class name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockType {
    /// Residual blocks, then a stride-2 convolution.
    #[serde(alias = "UNetResDownBlock2D")]
    DownBlock2D,
    /// The same with self-attention after every residual block, and `downsample_type` at the end.
    #[serde(alias = "UNetResAttnDownBlock2D")]
    AttnDownBlock2D,
    /// Residual blocks, then one that halves the resolution.
    #[serde(alias = "UNetResResnetDownsampleBlock2D")]
    ResnetDownsampleBlock2D,
    /// Residual blocks over the skip connections, then nearest upsampling and a convolution.
    #[serde(alias = "UNetResUpBlock2D")]
    UpBlock2D,
    /// The same with self-attention after every residual block, and `upsample_type` at the end.
    #[serde(alias = "UNetResAttnUpBlock2D")]
    AttnUpBlock2D,
    /// Residual blocks over the skip connections, then one that doubles the resolution.
    #[serde(alias = "UNetResResnetUpsampleBlock2D")]
    ResnetUpsampleBlock2D,
}

impl BlockType {
    pub(crate) fn has_attention(self) -> bool {
        matches!(self, Self::AttnDownBlock2D | Self::AttnUpBlock2D)
    }

    pub(crate) fn is_down(self) -> bool {
        matches!(self, Self::DownBlock2D | Self::AttnDownBlock2D | Self::ResnetDownsampleBlock2D)
    }

    /// How the block changes the resolution, if the configuration says `of_attention` for those with
    /// attention: the others' names say it.
    pub(crate) fn resampling(self, of_attention: Resampling) -> Resampling {
        match self {
            Self::DownBlock2D | Self::UpBlock2D => Resampling::Conv,
            Self::AttnDownBlock2D | Self::AttnUpBlock2D => of_attention,
            Self::ResnetDownsampleBlock2D | Self::ResnetUpsampleBlock2D => Resampling::Resnet,
        }
    }
}

/// How a block with attention halves or doubles the resolution (`downsample_type`,
/// `upsample_type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resampling {
    /// A convolution, of stride 2 or after nearest upsampling.
    #[default]
    Conv,
    /// A residual block that averages 2x2 pixels, or repeats each of them.
    Resnet,
}

/// Between layers (`act_fn`). The time embedding's two layers and the network's last have SiLU in any
/// case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x sigmoid(x)`
    #[default]
    #[serde(alias = "swish")]
    Silu,
    /// `x tanh(ln(1 + e^x))`
    Mish,
    /// `x Phi(x)`, Phi the normal distribution function, not its tanh approximation.
    Gelu,
    /// `max(x, 0)`
    Relu,
}

impl Activation {
    pub(crate) fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Silu => activation::silu(x),
            Self::Mish => activation::mish(x),
            Self::Gelu => activation::gelu(x),
            Self::Relu => activation::relu(x),
        }
    }
}

/// What a residual block does with the time embedding (`resnet_time_scale_shift`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeScaleShift {
    /// Adds its projection before the second norm.
    #[default]
    Default,
    /// Scales and shifts the second norm's output by its two halves (adaptive group normalisation,
    /// Dhariwal & Nichol 2021).
    ScaleShift,
}

/// What the network sees of the time (`time_embedding_type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeEmbeddingType {
    /// Sines and cosines at fixed frequencies (Ho et al. 2020).
    #[default]
    Positional,
    /// Sines and cosines of the time's logarithm at random frequencies, kept with the weights; the
    /// output is divided by the time (Song et al. 2021, the variance-exploding networks).
    Fourier,
}

/// What a class number becomes where there is no table of classes (`class_embed_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassEmbedType {
    /// It is embedded as a time is, by two layers of its own.
    Timestep,
}

/// The coarsest resolution (`mid_block_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MidBlockType {
    /// Two residual blocks, with attention between them unless `add_attention` is false.
    UNetMidBlock2D,
}

/// Image height and width in pixels, as one number where they are alike (`sample_size`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ImageSize {
    /// As high as wide.
    Square(usize),
    /// Height, width.
    Sides([usize; 2]),
}

impl ImageSize {
    /// Height and width.
    pub fn sides(self) -> [usize; 2] {
        match self {
            Self::Square(side) => [side; 2],
            Self::Sides(sides) => sides,
        }
    }
}

impl From<[usize; 2]> for ImageSize {
    fn from(sides: [usize; 2]) -> Self {
        match sides {
            [height, width] if height == width => Self::Square(height),
            sides => Self::Sides(sides),
        }
    }
}
