//! Halving and doubling the resolution.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use burn::tensor::ops::PadMode;

use crate::resnet::{conv2d, convolve};

/// A stride-2 3x3 convolution (`downsamplers.0.conv`).
#[derive(Module, Debug)]
pub(crate) struct Downsample {
    conv: Conv2d,
    padding: usize,
}

impl Downsample {
    pub(crate) fn new(channels: usize, padding: usize, device: &burn::tensor::Device) -> Self {
        Self { conv: conv2d(channels, channels, 3, 2, padding, device), padding }
    }

    /// `[B, C, H, W] -> [B, C, H/2, W/2]`
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        // Padding 0 is the TensorFlow "SAME" of the DDPM code: one row below, one column right.
        let x = if self.padding == 0 { x.pad([(0, 1), (0, 1)], PadMode::Constant(0.0)) } else { x };
        convolve(&self.conv, x)
    }
}

/// Nearest-neighbour doubling, then a 3x3 convolution (`upsamplers.0.conv`).
#[derive(Module, Debug)]
pub(crate) struct Upsample {
    conv: Conv2d,
}

impl Upsample {
    pub(crate) fn new(channels: usize, device: &burn::tensor::Device) -> Self {
        Self { conv: conv2d(channels, channels, 3, 1, 1, device) }
    }

    /// `[B, C, H, W] -> [B, C, 2H, 2W]`
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [b, c, h, w] = x.dims();
        let doubled =
            x.reshape([b, c, h, 1, w, 1]).expand([b, c, h, 2, w, 2]).reshape([b, c, 2 * h, 2 * w]);
        convolve(&self.conv, doubled)
    }
}
