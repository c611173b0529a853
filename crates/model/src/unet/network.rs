//! The network.

use burn::module::Module;
use burn::nn::GroupNorm;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor, TensorData};

use crate::class_input::ClassInput;
use crate::dropout::DropoutMasks;
use crate::error::ModelError;
use crate::network::Network;
use crate::unet::architecture::TimeEmbeddingType;
use crate::unet::blocks::{DownBlock, MidBlock, UpBlock, UpChannels};
use crate::unet::config::UNetConfig;
use crate::unet::embedding::{ClassEmbedding, NumberFeatures, TimestepEmbedding};
use crate::unet::layers::{conv2d, convolve, group_norm, normalise_silu};
use halfstep_ops::device::Precision;

/// diffusers' `UNet2DModel`: predicts eps, x0 or v from `z` and the discrete time.
#[derive(Module, Debug)]
pub struct UNet {
    conv_in: Conv2d,
    time_proj: NumberFeatures,
    time_embedding: TimestepEmbedding,
    class_embedding: Option<ClassEmbedding>,
    down_blocks: Vec<DownBlock>,
    mid_block: Option<MidBlock>,
    up_blocks: Vec<UpBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    #[module(skip)]
    config: UNetConfig,
}

impl UNet {
    /// Builds the network with all weights zero and all norms one. Load weights into it, or draw them with
    /// [`UNet::init`].
    ///
    /// # Errors
    /// Every error of [`UNetConfig::validate`].
    pub fn zeroed(config: &UNetConfig, device: &Device) -> Result<Self, ModelError> {
        config.validate()?;
        let channels = &config.block_out_channels;
        let (first, last) = (channels[0], channels[channels.len() - 1]);
        let time_proj = NumberFeatures::new(config, device);
        let features = time_proj.count();
        Ok(Self {
            conv_in: conv2d(config.in_channels, first, 3, 1, 1, device),
            time_proj,
            time_embedding: TimestepEmbedding::new(features, config.time_embed_dim(), device),
            class_embedding: ClassEmbedding::new(config, features, device),
            down_blocks: down_blocks(config, device),
            mid_block: config.mid_block_type.map(|_| MidBlock::new(config, last, device)),
            up_blocks: up_blocks(config, device),
            conv_norm_out: group_norm(config, first, device),
            conv_out: conv2d(first, config.out_channels, 3, 1, 1, device),
            config: config.clone(),
        })
    }

    /// The configuration it was built from.
    pub fn config(&self) -> &UNetConfig {
        &self.config
    }

    /// The network's raw output.
    ///
    /// # Shapes
    /// - z: `[B, in_channels, H, W]`, H and W multiples of [`UNetConfig::size_multiple`]
    /// - times: discrete times, one per image or one for all
    /// - labels: one per image, as [`UNetConfig::class_input`] asks for; without them a class-conditional
    ///   network predicts without a class embedding
    /// - output: `[B, out_channels, H, W]`, in the type of z, whatever the network computes in
    ///   ([`computing_in`](Self::computing_in))
    ///
    /// `masks` turns dropout on.
    pub fn forward(
        &self,
        z: Tensor<4>,
        times: &[f64],
        labels: Option<&[u32]>,
        mut masks: Option<DropoutMasks<'_>>,
    ) -> Tensor<4> {
        let time = self.embed(times, labels, z.dims()[0], &z.device()); // [B, E]
        let (outside, inside) = (z.dtype(), time.dtype());
        let z = if self.config.center_input_sample { z * 2.0 - 1.0 } else { z };
        let mut x = convolve(&self.conv_in, z.cast(inside));
        let mut skips = vec![x.clone()];
        for block in &self.down_blocks {
            x = block.forward(x, &time, &mut skips, &mut masks);
        }
        if let Some(mid_block) = &self.mid_block {
            x = mid_block.forward(x, &time, &mut masks);
        }
        for block in &self.up_blocks {
            x = block.forward(x, &time, &mut skips, &mut masks);
        }
        let output = convolve(&self.conv_out, normalise_silu(&self.conv_norm_out, x)).cast(outside);
        match self.config.time_embedding_type {
            TimeEmbeddingType::Positional => output,
            TimeEmbeddingType::Fourier => {
                let times: Vec<f32> = times.iter().map(|&time| time as f32).collect();
                let shape = [times.len(), 1, 1, 1];
                let times = Tensor::<4>::from_data(TensorData::new(times, shape), &output.device());
                output / times
            }
        }
    }

    /// `act(time embedding + class embedding)`, `[B, E]`. Every residual block starts with that activation, so
    /// it is computed once.
    fn embed(
        &self,
        times: &[f64],
        labels: Option<&[u32]>,
        batch: usize,
        device: &Device,
    ) -> Tensor<2> {
        let mut embedded = self.time_embedding.forward(self.time_proj.forward(times, device));
        if times.len() == 1 && batch > 1 {
            embedded = embedded.repeat_dim(0, batch);
        }
        if let (Some(classes), Some(labels)) = (&self.class_embedding, labels) {
            let of_class = classes.forward(labels, &self.time_proj, device);
            let dtype = embedded.dtype();
            embedded = embedded + of_class.cast(dtype);
        }
        self.config.act_fn.apply(embedded)
    }
}

impl Network for UNet {
    fn predict(&self, z: Tensor<4>, times: &[f64], labels: Option<&[u32]>) -> Tensor<4> {
        self.forward(z, times, labels, None)
    }

    fn predict_training(
        &self,
        z: Tensor<4>,
        times: &[f64],
        labels: Option<&[u32]>,
        masks: Option<DropoutMasks<'_>>,
    ) -> Tensor<4> {
        self.forward(z, times, labels, masks)
    }

    fn class_input(&self) -> ClassInput {
        self.config.class_input()
    }

    fn computing_in(&self, precision: Precision) -> Option<Self> {
        Some(UNet::computing_in(self, precision))
    }
}

fn down_blocks(config: &UNetConfig, device: &Device) -> Vec<DownBlock> {
    let channels = &config.block_out_channels;
    config
        .down_block_types
        .iter()
        .enumerate()
        .map(|(i, &kind)| {
            let input = channels[i.saturating_sub(1)];
            DownBlock::new(config, kind, (input, channels[i]), i + 1 < channels.len(), device)
        })
        .collect()
}

fn up_blocks(config: &UNetConfig, device: &Device) -> Vec<UpBlock> {
    let reversed: Vec<usize> = config.block_out_channels.iter().rev().copied().collect();
    config
        .up_block_types
        .iter()
        .enumerate()
        .map(|(i, &kind)| {
            let channels = UpChannels {
                previous: reversed[i.saturating_sub(1)],
                output: reversed[i],
                last_skip: reversed[(i + 1).min(reversed.len() - 1)],
            };
            UpBlock::new(config, kind, &channels, i + 1 < reversed.len(), device)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unet::architecture::{
        Activation, BlockType, ClassEmbedType, MidBlockType, Resampling, TimeScaleShift,
    };

    /// Configurations that take every field that chooses between layers through all of its values.
    fn variants() -> Vec<UNetConfig> {
        let base = UNetConfig {
            block_out_channels: vec![4, 8, 8],
            down_block_types: vec![BlockType::AttnDownBlock2D; 3],
            up_block_types: vec![BlockType::AttnUpBlock2D; 3],
            layers_per_block: 1,
            norm_num_groups: 4,
            attention_head_dim: Some(2),
            ..UNetConfig::default()
        };
        let mut all = Vec::new();
        for resnet_time_scale_shift in [TimeScaleShift::Default, TimeScaleShift::ScaleShift] {
            for (down, up) in [
                (BlockType::DownBlock2D, BlockType::UpBlock2D),
                (BlockType::AttnDownBlock2D, BlockType::AttnUpBlock2D),
                (BlockType::ResnetDownsampleBlock2D, BlockType::ResnetUpsampleBlock2D),
            ] {
                for resampling in [Resampling::Conv, Resampling::Resnet] {
                    all.push(UNetConfig {
                        resnet_time_scale_shift,
                        down_block_types: vec![down; 3],
                        up_block_types: vec![up; 3],
                        downsample_type: resampling,
                        upsample_type: resampling,
                        ..base.clone()
                    });
                }
            }
        }
        for act_fn in [Activation::Silu, Activation::Mish, Activation::Gelu, Activation::Relu] {
            all.push(UNetConfig { act_fn, ..base.clone() });
        }
        for (mid_block_type, add_attention, attn_norm_num_groups) in [
            (None, true, None),
            (Some(MidBlockType::UNetMidBlock2D), false, None),
            (Some(MidBlockType::UNetMidBlock2D), true, Some(2)),
        ] {
            let mid = UNetConfig { mid_block_type, add_attention, ..base.clone() };
            all.push(UNetConfig { attn_norm_num_groups, mid_block_scale_factor: 2.0, ..mid });
        }
        for (class_embed_type, num_class_embeds) in [
            (Some(ClassEmbedType::Timestep), None),
            (None, Some(3)),
            (Some(ClassEmbedType::Timestep), Some(3)),
        ] {
            all.push(UNetConfig { class_embed_type, num_class_embeds, ..base.clone() });
        }
        all.push(UNetConfig { time_embedding_type: TimeEmbeddingType::Fourier, ..base.clone() });
        all.push(UNetConfig { time_embedding_dim: Some(6), downsample_padding: 0, ..base.clone() });
        all.push(UNetConfig { freq_shift: 1, center_input_sample: true, in_channels: 2, ..base });
        all
    }

    #[test]
    fn every_option_builds_a_network_that_predicts_in_the_shape_of_its_input() {
        let device = Device::flex();
        for config in variants() {
            let unet = UNet::zeroed(&config, &device).unwrap();
            let z = Tensor::ones([2, config.in_channels, 8, 12], &device);
            let labels = config.class_input() != ClassInput::None;
            let output = unet.forward(z, &[3.0, 5.0], labels.then_some(&[2, 0][..]), None);
            assert_eq!(output.dims(), [2, config.out_channels, 8, 12], "{config:?}");
            let text = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<UNetConfig>(&text).unwrap(), config);
        }
    }
}
