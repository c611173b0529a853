//! Convolutions, linear layers and group norms as the blocks use them.
//!
//! Burn's layers hold the parameters under diffusers' names; the arithmetic is `halfstep_ops`'s.

use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{GroupNorm, GroupNormConfig, Initializer, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::{Device, Tensor};

use crate::unet::architecture::Activation;
use crate::unet::config::UNetConfig;

/// A linear layer with weights of zero: [`UNet::init`](crate::UNet::init) draws them.
pub(crate) fn linear(input: usize, output: usize, device: &Device) -> Linear {
    LinearConfig::new(input, output).with_initializer(Initializer::Zeros).init(device)
}

/// A group norm with the network's number of groups.
pub(crate) fn group_norm(config: &UNetConfig, channels: usize, device: &Device) -> GroupNorm {
    group_norm_with(config.norm_num_groups, config, channels, device)
}

/// A group norm with another number of groups than the rest of the network.
pub(crate) fn group_norm_with(
    groups: usize,
    config: &UNetConfig,
    channels: usize,
    device: &Device,
) -> GroupNorm {
    GroupNormConfig::new(groups, channels).with_epsilon(config.norm_eps).init(device)
}

/// `norm(x)` in one pass over memory, as [`normalise_shifted_silu`].
pub(crate) fn normalise(norm: &GroupNorm, x: Tensor<4>) -> Tensor<4> {
    let (weight, bias) = parameters(norm);
    halfstep_ops::group_norm(x, weight, bias, norm.num_groups, norm.epsilon)
}

/// `silu(norm(x))` in one pass over memory, as [`normalise_shifted_silu`].
pub(crate) fn normalise_silu(norm: &GroupNorm, x: Tensor<4>) -> Tensor<4> {
    let (weight, bias) = parameters(norm);
    halfstep_ops::group_norm_silu(x, weight, bias, norm.num_groups, norm.epsilon)
}

/// `act(norm(x))`
pub(crate) fn normalise_act(norm: &GroupNorm, x: Tensor<4>, act: Activation) -> Tensor<4> {
    match act {
        Activation::Silu => normalise_silu(norm, x),
        act => act.apply(normalise(norm, x)),
    }
}

/// `silu(norm(x + shift))`, shift `[B, C]`, in one pass over memory forward and one back. Burn's chain of
/// operations takes many times as long on a CPU and keeps every intermediate result.
pub(crate) fn normalise_shifted_silu(
    norm: &GroupNorm,
    x: Tensor<4>,
    shift: Tensor<2>,
) -> Tensor<4> {
    let (weight, bias) = parameters(norm);
    let (groups, epsilon) = (norm.num_groups, norm.epsilon);
    halfstep_ops::shifted_group_norm_silu(x, shift, weight, bias, groups, epsilon)
}

fn parameters(norm: &GroupNorm) -> (Tensor<1>, Tensor<1>) {
    let (Some(weight), Some(bias)) = (&norm.gamma, &norm.beta) else {
        unreachable!("group_norm makes them affine")
    };
    (weight.val(), bias.val())
}

/// A square convolution with weights of zero: [`UNet::init`](crate::UNet::init) draws them.
pub(crate) fn conv2d(
    input: usize,
    output: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    device: &Device,
) -> Conv2d {
    Conv2dConfig::new([input, output], [kernel, kernel])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
        .with_initializer(Initializer::Zeros)
        .init(device)
}

/// Applies a layer made by [`conv2d`]. Burn's own backward pass takes several times as long on a CPU.
pub(crate) fn convolve(layer: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    let PaddingConfig2d::Explicit(padding, ..) = layer.padding else {
        unreachable!("conv2d pads explicitly")
    };
    let bias = layer.bias.as_ref().map(|bias| bias.val());
    halfstep_ops::conv2d(x, layer.weight.val(), bias, layer.stride[0], padding)
}
