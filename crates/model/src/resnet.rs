//! The residual block.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{GroupNorm, GroupNormConfig, Initializer, Linear, PaddingConfig2d};
use burn::tensor::{Device, Tensor};

use crate::config::UNetConfig;
use crate::dropout::DropoutMasks;
use crate::embedding::linear;

/// `x + conv2(dropout(silu(norm2(conv1(silu(norm1(x))) + proj(silu(time))))))`, the shortcut a 1x1
/// convolution where the channels change (diffusers' `ResnetBlock2D`).
#[derive(Module, Debug)]
pub(crate) struct ResnetBlock {
    norm1: GroupNorm,
    conv1: Conv2d,
    time_emb_proj: Linear,
    norm2: GroupNorm,
    conv2: Conv2d,
    conv_shortcut: Option<Conv2d>,
    dropout: f64,
}

impl ResnetBlock {
    pub(crate) fn new(config: &UNetConfig, input: usize, output: usize, device: &Device) -> Self {
        Self {
            norm1: group_norm(config, input, device),
            conv1: conv2d(input, output, 3, 1, 1, device),
            time_emb_proj: linear(config.time_embed_dim(), output, device),
            norm2: group_norm(config, output, device),
            conv2: conv2d(output, output, 3, 1, 1, device),
            conv_shortcut: (input != output).then(|| conv2d(input, output, 1, 1, 0, device)),
            dropout: config.dropout,
        }
    }

    /// x `[B, C, H, W]`, `silu(time embedding)` `[B, E]` -> `[B, C', H, W]`
    pub(crate) fn forward(
        &self,
        x: Tensor<4>,
        activated_time: Tensor<2>,
        masks: &mut Option<DropoutMasks<'_>>,
    ) -> Tensor<4> {
        let h = convolve(&self.conv1, normalise_silu(&self.norm1, x.clone()));
        let time = self.time_emb_proj.forward(activated_time);
        let h = normalise_shifted_silu(&self.norm2, h, time);
        let h = match masks {
            Some(masks) => masks.apply(h, self.dropout),
            None => h,
        };
        let shortcut = match &self.conv_shortcut {
            Some(conv) => convolve(conv, x),
            None => x,
        };
        shortcut + convolve(&self.conv2, h)
    }
}

pub(crate) fn group_norm(config: &UNetConfig, channels: usize, device: &Device) -> GroupNorm {
    GroupNormConfig::new(config.norm_num_groups, channels)
        .with_epsilon(config.norm_eps)
        .init(device)
}

/// `norm(x)`, as that of [`normalise_shifted_silu`].
pub(crate) fn normalise(norm: &GroupNorm, x: Tensor<4>) -> Tensor<4> {
    let (weight, bias) = parameters(norm);
    halfstep_ops::group_norm(x, weight, bias, norm.num_groups, norm.epsilon)
}

/// `silu(norm(x))`, as that of [`normalise_shifted_silu`].
pub(crate) fn normalise_silu(norm: &GroupNorm, x: Tensor<4>) -> Tensor<4> {
    let (weight, bias) = parameters(norm);
    halfstep_ops::group_norm_silu(x, weight, bias, norm.num_groups, norm.epsilon)
}

/// `silu(norm(x + shift))`, shift `[B, C]`, in one pass over memory forward and one back: Burn's own
/// chain of operations takes many times as long on a CPU, and keeps each of its steps.
fn normalise_shifted_silu(norm: &GroupNorm, x: Tensor<4>, shift: Tensor<2>) -> Tensor<4> {
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

/// A square convolution whose weights are still to be drawn: see [`crate::init`].
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

/// The convolution of a layer made by [`conv2d`]; Burn's own backward pass takes several times as
/// long on a CPU.
pub(crate) fn convolve(layer: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    let PaddingConfig2d::Explicit(padding, ..) = layer.padding else {
        unreachable!("conv2d pads explicitly")
    };
    let bias = layer.bias.as_ref().map(|bias| bias.val());
    halfstep_ops::conv2d(x, layer.weight.val(), bias, layer.stride[0], padding)
}
