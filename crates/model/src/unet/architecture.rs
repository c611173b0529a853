//! The options of a `UNet2DModel` that choose between layers, under diffusers' names.

use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

/// A down or up block, named after diffusers' class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockType {
    /// Residual blocks, then a stride-2 convolution.
    #[serde(alias = "UNetResDownBlock2D")]
    DownBlock2D,
    /// Residual blocks, each followed by self-attention, then `downsample_type`.
    #[serde(alias = "UNetResAttnDownBlock2D")]
    AttnDownBlock2D,
    /// Residual blocks, then one that halves the resolution.
    #[serde(alias = "UNetResResnetDownsampleBlock2D")]
    ResnetDownsampleBlock2D,
    /// Residual blocks over the skip connections, then nearest upsampling and a convolution.
    #[serde(alias = "UNetResUpBlock2D")]
    UpBlock2D,
    /// Residual blocks over the skip connections, each followed by self-attention, then `upsample_type`.
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

    /// How the block changes the resolution. `of_attention` is the configuration's choice for blocks with
    /// attention; the names of the others determine it.
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
    /// A residual block that averages 2x2 pixels, or repeats each pixel 2x2 times.
    Resnet,
}

/// The activation between layers (`act_fn`). The two layers of the time embedding and the network's last layer
/// use SiLU in any case.
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

/// How a residual block uses the time embedding (`resnet_time_scale_shift`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeScaleShift {
    /// Its projection is added before the second norm.
    #[default]
    Default,
    /// The two halves of its projection scale and shift the second norm's output (adaptive group normalisation,
    /// Dhariwal & Nichol 2021).
    ScaleShift,
}

/// How the time is embedded (`time_embedding_type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeEmbeddingType {
    /// Sines and cosines at fixed frequencies (Ho et al. 2020).
    #[default]
    Positional,
    /// Sines and cosines of the time's logarithm at random frequencies that are stored with the weights. The
    /// output is divided by the time (Song et al. 2021, the variance-exploding networks).
    Fourier,
}

/// How a class is embedded without a table of classes (`class_embed_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassEmbedType {
    /// The class number is embedded like a time, with two layers of its own.
    Timestep,
}

/// The block at the coarsest resolution (`mid_block_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MidBlockType {
    /// Two residual blocks, with attention between them unless `add_attention` is false.
    UNetMidBlock2D,
}

/// Image height and width in pixels, one number if they are equal (`sample_size`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ImageSize {
    /// Height and width are equal.
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
