//! The residual block.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{GroupNorm, GroupNormConfig, Initializer, Linear, PaddingConfig2d};
use burn::tensor::{Device, Tensor};

use crate::dropout::DropoutMasks;
use crate::unet::architecture::{Activation, TimeScaleShift};
use crate::unet::config::UNetConfig;
use crate::unet::embedding::linear;
use crate::unet::resample::{double, halve};

/// A residual block's change of resolution, between its first activation and its first convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resize {
    None,
    Halve,
    Double,
}

/// `(x + conv2(dropout(act(norm2(conv1(act(norm1(x))) + proj(act(time)))))))/scale`, the shortcut a
/// 1x1 convolution where the channels change (diffusers' `ResnetBlock2D`). With `scale_shift` the
/// projection `(s, t)` acts after the norm instead, `norm2(h) (1 + s) + t`.
#[derive(Module, Debug)]
pub(crate) struct ResnetBlock {
    norm1: GroupNorm,
    conv1: Conv2d,
    time_emb_proj: Linear,
    norm2: GroupNorm,
    conv2: Conv2d,
    conv_shortcut: Option<Conv2d>,
    dropout: f64,
    scale: f64,
    #[module(skip)]
    act: Activation,
    #[module(skip)]
    time_scale_shift: TimeScaleShift,
    #[module(skip)]
    resize: Resize,
}

impl ResnetBlock {
    pub(crate) fn new(config: &UNetConfig, input: usize, output: usize, device: &Device) -> Self {
        let of_time = match config.resnet_time_scale_shift {
            TimeScaleShift::Default => output,
            TimeScaleShift::ScaleShift => 2 * output,
        };
        Self {
            norm1: group_norm(config, input, device),
            conv1: conv2d(input, output, 3, 1, 1, device),
            time_emb_proj: linear(config.time_embed_dim(), of_time, device),
            norm2: group_norm(config, output, device),
            conv2: conv2d(output, output, 3, 1, 1, device),
            conv_shortcut: (input != output).then(|| conv2d(input, output, 1, 1, 0, device)),
            dropout: config.dropout,
            scale: 1.0,
            act: config.act_fn,
            time_scale_shift: config.resnet_time_scale_shift,
            resize: Resize::None,
        }
    }

    /// The same, with its sum divided by `scale`.
    pub(crate) fn scaled(self, scale: f64) -> Self {
        Self { scale, ..self }
    }

    /// The same, with another resolution at its end.
    pub(crate) fn resizing(self, resize: Resize) -> Self {
        Self { resize, ..self }
    }

    /// x `[B, C, H, W]`, `act(time embedding)` `[B, E]` -> `[B, C', H, W]`
    pub(crate) fn forward(
        &self,
        x: Tensor<4>,
        activated_time: Tensor<2>,
        masks: &mut Option<DropoutMasks<'_>>,
    ) -> Tensor<4> {
        let h = normalise_act(&self.norm1, x.clone(), self.act);
        let (x, h) = match self.resize {
            Resize::None => (x, h),
            Resize::Halve => (halve(x), halve(h)),
            Resize::Double => (double(x), double(h)),
        };
        let h = convolve(&self.conv1, h);
        let h = self.see_time(h, self.time_emb_proj.forward(activated_time));
        let h = match masks {
            Some(masks) => masks.apply(h, self.dropout),
            None => h,
        };
        let shortcut = match &self.conv_shortcut {
            Some(conv) => convolve(conv, x),
            None => x,
        };
        let sum = shortcut + convolve(&self.conv2, h);
        if self.scale == 1.0 { sum } else { sum / self.scale }
    }

    /// The second norm and activation, with the projected time `[B, C']` or `[B, 2 C']`.
    fn see_time(&self, h: Tensor<4>, time: Tensor<2>) -> Tensor<4> {
        let spread = |time: Tensor<2>| time.unsqueeze_dims::<4>(&[2, 3]); // [B, C', 1, 1]
        match (self.time_scale_shift, self.act) {
            (TimeScaleShift::Default, Activation::Silu) => {
                normalise_shifted_silu(&self.norm2, h, time)
            }
            (TimeScaleShift::Default, act) => act.apply(normalise(&self.norm2, h + spread(time))),
            (TimeScaleShift::ScaleShift, act) => {
                let half = time.dims()[1] / 2;
                let (scale, shift) = (time.clone().narrow(1, 0, half), time.narrow(1, half, half));
                act.apply(normalise(&self.norm2, h) * (spread(scale) + 1.0) + spread(shift))
            }
        }
    }
}

pub(crate) fn group_norm(config: &UNetConfig, channels: usize, device: &Device) -> GroupNorm {
    group_norm_of(config.norm_num_groups, config, channels, device)
}

/// With another number of groups than the rest of the network.
pub(crate) fn group_norm_of(
    groups: usize,
    config: &UNetConfig,
    channels: usize,
    device: &Device,
) -> GroupNorm {
    GroupNormConfig::new(groups, channels).with_epsilon(config.norm_eps).init(device)
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

/// `act(norm(x))`
fn normalise_act(norm: &GroupNorm, x: Tensor<4>, act: Activation) -> Tensor<4> {
    match act {
        Activation::Silu => normalise_silu(norm, x),
        act => act.apply(normalise(norm, x)),
    }
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

/// A square convolution whose weights are still to be drawn: see [`crate::unet::init`].
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
