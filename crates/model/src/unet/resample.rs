//! Layers that halve and double the resolution.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::ops::PadMode;
use burn::tensor::{Device, Tensor};

use crate::dropout::DropoutMasks;
use crate::unet::architecture::Resampling;
use crate::unet::config::UNetConfig;
use crate::unet::layers::{conv2d, convolve};
use crate::unet::resize::{Resize, double};
use crate::unet::resnet::ResnetBlock;

/// The last layer of a block whose neighbour has another resolution (`downsamplers.0`, `upsamplers.0`).
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "there are a handful per network")]
pub(crate) enum Resample {
    Down(DownConv),
    Up(UpConv),
    Resnet(ResnetBlock),
}

impl Resample {
    /// `[B, C, H, W] -> [B, C, H/2, W/2]`
    pub(crate) fn down(
        config: &UNetConfig,
        kind: Resampling,
        channels: usize,
        device: &Device,
    ) -> Self {
        match kind {
            Resampling::Conv => {
                Self::Down(DownConv::new(channels, config.downsample_padding, device))
            }
            Resampling::Resnet => Self::resnet(config, Resize::Halve, channels, device),
        }
    }

    /// `[B, C, H, W] -> [B, C, 2H, 2W]`
    pub(crate) fn up(
        config: &UNetConfig,
        kind: Resampling,
        channels: usize,
        device: &Device,
    ) -> Self {
        match kind {
            Resampling::Conv => Self::Up(UpConv::new(channels, device)),
            Resampling::Resnet => Self::resnet(config, Resize::Double, channels, device),
        }
    }

    fn resnet(config: &UNetConfig, resize: Resize, channels: usize, device: &Device) -> Self {
        Self::Resnet(ResnetBlock::new(config, channels, channels, device).resizing(resize))
    }

    pub(crate) fn forward(
        &self,
        x: Tensor<4>,
        time: &Tensor<2>,
        masks: &mut Option<DropoutMasks<'_>>,
    ) -> Tensor<4> {
        match self {
            Self::Down(conv) => conv.forward(x),
            Self::Up(conv) => conv.forward(x),
            Self::Resnet(resnet) => resnet.forward(x, time.clone(), masks),
        }
    }
}

/// A stride-2 3x3 convolution.
#[derive(Module, Debug)]
pub(crate) struct DownConv {
    conv: Conv2d,
    padding: usize,
}

impl DownConv {
    fn new(channels: usize, padding: usize, device: &Device) -> Self {
        Self { conv: conv2d(channels, channels, 3, 2, padding, device), padding }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        // Padding 0 means TensorFlow's "SAME" of the DDPM code: one row below, one column to the right.
        let x = if self.padding == 0 { x.pad([(0, 1), (0, 1)], PadMode::Constant(0.0)) } else { x };
        convolve(&self.conv, x)
    }
}

/// Nearest-neighbour doubling, then a 3x3 convolution.
#[derive(Module, Debug)]
pub(crate) struct UpConv {
    conv: Conv2d,
}

impl UpConv {
    fn new(channels: usize, device: &Device) -> Self {
        Self { conv: conv2d(channels, channels, 3, 1, 1, device) }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        convolve(&self.conv, double(x))
    }
}
