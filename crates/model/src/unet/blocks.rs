//! Down, mid and up blocks of the UNet.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::dropout::DropoutMasks;
use crate::unet::architecture::BlockType;
use crate::unet::attention::SelfAttention;
use crate::unet::config::UNetConfig;
use crate::unet::resample::Resample;
use crate::unet::resnet::ResnetBlock;

/// A down block: `layers_per_block` residual blocks, each followed by attention in the attention variant,
/// then a downsampler unless the block is the coarsest.
#[derive(Module, Debug)]
pub(crate) struct DownBlock {
    attentions: Vec<SelfAttention>,
    resnets: Vec<ResnetBlock>,
    downsamplers: Vec<Resample>,
}

impl DownBlock {
    pub(crate) fn new(
        config: &UNetConfig,
        kind: BlockType,
        channels: (usize, usize),
        downsample: bool,
        device: &Device,
    ) -> Self {
        let (input, output) = channels;
        let layers = 0..config.layers_per_block;
        Self {
            attentions: attentions(config, kind, layers.len(), output, device),
            resnets: layers
                .map(|i| {
                    ResnetBlock::new(config, if i == 0 { input } else { output }, output, device)
                })
                .collect(),
            downsamplers: downsample
                .then(|| {
                    let resampling = kind.resampling(config.downsample_type);
                    Resample::down(config, resampling, output, device)
                })
                .into_iter()
                .collect(),
        }
    }

    /// Returns the block's output; pushes every intermediate onto `skips`.
    pub(crate) fn forward(
        &self,
        mut x: Tensor<4>,
        time: &Tensor<2>,
        skips: &mut Vec<Tensor<4>>,
        masks: &mut Option<DropoutMasks<'_>>,
    ) -> Tensor<4> {
        for (i, resnet) in self.resnets.iter().enumerate() {
            x = resnet.forward(x, time.clone(), masks);
            if let Some(attention) = self.attentions.get(i) {
                x = attention.forward(x);
            }
            skips.push(x.clone());
        }
        for downsampler in &self.downsamplers {
            x = downsampler.forward(x, time, masks);
            skips.push(x.clone());
        }
        x
    }
}

/// The mid block, at the coarsest resolution: residual block, attention if any, residual block.
#[derive(Module, Debug)]
pub(crate) struct MidBlock {
    attentions: Vec<SelfAttention>,
    resnets: Vec<ResnetBlock>,
}

impl MidBlock {
    pub(crate) fn new(config: &UNetConfig, channels: usize, device: &Device) -> Self {
        let scale = config.mid_block_scale_factor;
        let resnet = || ResnetBlock::new(config, channels, channels, device).scaled(scale);
        let attention = || SelfAttention::for_mid_block(config, channels, device);
        Self {
            attentions: config.add_attention.then(attention).into_iter().collect(),
            resnets: vec![resnet(), resnet()],
        }
    }

    pub(crate) fn forward(
        &self,
        mut x: Tensor<4>,
        time: &Tensor<2>,
        masks: &mut Option<DropoutMasks<'_>>,
    ) -> Tensor<4> {
        for (i, resnet) in self.resnets.iter().enumerate() {
            x = resnet.forward(x, time.clone(), masks);
            if let Some(attention) = self.attentions.get(i) {
                x = attention.forward(x);
            }
        }
        x
    }
}

/// An up block: `layers_per_block + 1` residual blocks over the concatenated skips, each followed by
/// attention in the attention variant, then an upsampler unless the block is the finest.
#[derive(Module, Debug)]
pub(crate) struct UpBlock {
    attentions: Vec<SelfAttention>,
    resnets: Vec<ResnetBlock>,
    upsamplers: Vec<Resample>,
}

/// Channel counts of an up block.
pub(crate) struct UpChannels {
    /// Channels of the previous block.
    pub previous: usize,
    /// Channels of its output.
    pub output: usize,
    /// Channels of the last (finest) skip that it consumes.
    pub last_skip: usize,
}

impl UpBlock {
    pub(crate) fn new(
        config: &UNetConfig,
        kind: BlockType,
        channels: &UpChannels,
        upsample: bool,
        device: &Device,
    ) -> Self {
        let UpChannels { previous, output, last_skip } = *channels;
        let layers = 0..config.layers_per_block + 1;
        let last = config.layers_per_block;
        Self {
            attentions: attentions(config, kind, layers.len(), output, device),
            resnets: layers
                .map(|i| {
                    let input = if i == 0 { previous } else { output };
                    let skip = if i == last { last_skip } else { output };
                    ResnetBlock::new(config, input + skip, output, device)
                })
                .collect(),
            upsamplers: upsample
                .then(|| {
                    Resample::up(config, kind.resampling(config.upsample_type), output, device)
                })
                .into_iter()
                .collect(),
        }
    }

    /// Consumes this block's skips from the end of `skips`.
    pub(crate) fn forward(
        &self,
        mut x: Tensor<4>,
        time: &Tensor<2>,
        skips: &mut Vec<Tensor<4>>,
        masks: &mut Option<DropoutMasks<'_>>,
    ) -> Tensor<4> {
        for (i, resnet) in self.resnets.iter().enumerate() {
            if let Some(skip) = skips.pop() {
                x = Tensor::cat(vec![x, skip], 1);
            }
            x = resnet.forward(x, time.clone(), masks);
            if let Some(attention) = self.attentions.get(i) {
                x = attention.forward(x);
            }
        }
        for upsampler in &self.upsamplers {
            x = upsampler.forward(x, time, masks);
        }
        x
    }
}

fn attentions(
    config: &UNetConfig,
    kind: BlockType,
    layers: usize,
    channels: usize,
    device: &Device,
) -> Vec<SelfAttention> {
    let count = if kind.has_attention() { layers } else { 0 };
    (0..count).map(|_| SelfAttention::new(config, channels, device)).collect()
}
