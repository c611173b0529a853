//! The residual block.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{GroupNorm, Linear};
use burn::tensor::{Device, Tensor};

use crate::dropout::DropoutMasks;
use crate::unet::architecture::{Activation, TimeScaleShift};
use crate::unet::config::UNetConfig;
use crate::unet::layers::{
    conv2d, convolve, group_norm, linear, normalise, normalise_act, normalise_shifted_silu,
};
use crate::unet::resize::Resize;

/// `(x + conv2(dropout(act(norm2(conv1(act(norm1(x))) + proj(act(time)))))))/scale` (diffusers'
/// `ResnetBlock2D`).
///
/// The shortcut is a 1x1 convolution where the number of channels changes. With `scale_shift` the
/// projection `(s, t)` acts after the norm instead: `norm2(h) (1 + s) + t`.
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

    /// The same block with its sum divided by `scale`.
    pub(crate) fn scaled(self, scale: f64) -> Self {
        Self { scale, ..self }
    }

    /// The same block with another resolution at its end.
    pub(crate) fn resizing(self, resize: Resize) -> Self {
        Self { resize, ..self }
    }

    /// `[B, C, H, W] -> [B, C', H', W']`; `activated_time` is `act(time embedding)`, `[B, E]`.
    pub(crate) fn forward(
        &self,
        x: Tensor<4>,
        activated_time: Tensor<2>,
        masks: &mut Option<DropoutMasks<'_>>,
    ) -> Tensor<4> {
        let h = normalise_act(&self.norm1, x.clone(), self.act);
        let (x, h) = (self.resize.apply(x), self.resize.apply(h));
        let h = convolve(&self.conv1, h);
        let h = self.add_time(h, self.time_emb_proj.forward(activated_time));
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

    /// The second norm and activation, shifted (and scaled) by the projected time `[B, C']` (`[B, 2 C']`).
    fn add_time(&self, h: Tensor<4>, time: Tensor<2>) -> Tensor<4> {
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
