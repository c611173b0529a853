//! Group normalisation, alone and fused with what surrounds it in a residual block.

pub(crate) mod autodiff;
mod composed;
#[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]
mod cube;
#[cfg(feature = "flex")]
mod flex;
pub(crate) mod inputs;
pub(crate) mod kernels;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use crate::dispatch::{MaybeTensor, Operations};
use inputs::NormOptions;

/// Computes group normalisation (Wu and He 2018, arXiv:1803.08494), as torch and
/// [`burn::nn::GroupNorm`] define it.
///
/// `y[b,c] = weight[c] (x[b,c] - mean) / sqrt(variance + epsilon) + bias[c]`, with the mean and the
/// (biased) variance of the pixels of all channels in c's group of image b.
///
/// # Shapes
/// - x: `[B, C, H, W]`
/// - weight, bias: `[C]`
/// - output: `[B, C, H, W]`
///
/// # Panics
/// If the channels cannot be split into `groups` equal groups, or if weight or bias does not have
/// one value for each channel.
pub fn group_norm(
    x: Tensor<4>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    groups: usize,
    epsilon: f64,
) -> Tensor<4> {
    normalise(x, None, weight, bias, NormOptions { groups, epsilon, silu: false })
}

/// Computes `silu(group_norm(x))`, where `silu(u) = u / (1 + exp(-u))`, in one pass. The backward
/// pass keeps x alone and computes the intermediate values again.
///
/// Shapes and panics are those of [`group_norm`].
pub fn group_norm_silu(
    x: Tensor<4>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    groups: usize,
    epsilon: f64,
) -> Tensor<4> {
    normalise(x, None, weight, bias, NormOptions { groups, epsilon, silu: true })
}

/// Computes `silu(group_norm(x + shift))` in one pass. All pixels of a channel have the same shift.
///
/// # Shapes
/// - shift: `[B, C]`
/// - all others as in [`group_norm`]
///
/// # Panics
/// As [`group_norm`], and if there is not one shift for each channel of each image.
pub fn shifted_group_norm_silu(
    x: Tensor<4>,
    shift: Tensor<2>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    groups: usize,
    epsilon: f64,
) -> Tensor<4> {
    normalise(x, Some(shift), weight, bias, NormOptions { groups, epsilon, silu: true })
}

fn normalise(
    x: Tensor<4>,
    shift: Option<Tensor<2>>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    options: NormOptions,
) -> Tensor<4> {
    let ([batch, channels, ..], groups) = (x.dims(), options.groups);
    assert!(
        groups > 0 && channels.is_multiple_of(groups),
        "group_norm: {channels} channels cannot be split into {groups} equal groups"
    );
    assert_eq!(weight.dims(), [channels], "group_norm: one weight for each channel");
    assert_eq!(bias.dims(), [channels], "group_norm: one bias for each channel");
    if let Some(shift) = &shift {
        let one_each = [batch, channels];
        assert_eq!(shift.dims(), one_each, "group_norm: one shift for each channel of each image");
    }
    let shift = MaybeTensor::from(shift.map(Tensor::into_dispatch));
    let (x, weight, bias) = (x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::normalise(x, shift, weight, bias, options))
}
