//! Self-attention over the pixels of a feature map.

use burn::module::Module;
use burn::nn::{GroupNorm, Linear};
use burn::tensor::{Device, Tensor};

use crate::unet::config::UNetConfig;
use crate::unet::layers::{group_norm_with, linear, normalise};

/// `(x + to_out(softmax(q k^T / sqrt(d)) v))/scale`, where q, k and v are linear in the normalised pixels
/// (diffusers' `Attention` as `UNet2DModel` builds it).
#[derive(Module, Debug)]
pub(crate) struct SelfAttention {
    group_norm: Option<GroupNorm>,
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    /// A list, so that the parameter's name is `to_out.0` as in diffusers.
    to_out: Vec<Linear>,
    heads: usize,
    scale: f64,
}

impl SelfAttention {
    /// The attention of down and up blocks.
    pub(crate) fn new(config: &UNetConfig, channels: usize, device: &Device) -> Self {
        Self::with_groups(config, Some(config.norm_num_groups), 1.0, channels, device)
    }

    /// The attention of the mid block: the norm is optional, and the sum is divided by a scale.
    pub(crate) fn for_mid_block(config: &UNetConfig, channels: usize, device: &Device) -> Self {
        let (groups, scale) = (config.mid_attention_groups(), config.mid_block_scale_factor);
        Self::with_groups(config, groups, scale, channels, device)
    }

    fn with_groups(
        config: &UNetConfig,
        groups: Option<usize>,
        scale: f64,
        channels: usize,
        device: &Device,
    ) -> Self {
        let project = || linear(channels, channels, device);
        Self {
            group_norm: groups.map(|groups| group_norm_with(groups, config, channels, device)),
            to_q: project(),
            to_k: project(),
            to_v: project(),
            to_out: vec![project()],
            heads: config.heads(channels),
            scale,
        }
    }

    /// `[B, C, H, W] -> [B, C, H, W]`
    ///
    /// A linear layer over the channels of each pixel is a 1x1 convolution, which moves no pixel. The layers
    /// of q, k and v run as one convolution.
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let pixels = match &self.group_norm {
            Some(norm) => normalise(norm, x.clone()),
            None => x.clone(),
        };
        let qkv = project(&[&self.to_q, &self.to_k, &self.to_v], pixels); // [B, 3 C, H, W]
        let mut out = halfstep_ops::attention(qkv, self.heads);
        for layer in &self.to_out {
            out = project(&[layer], out);
        }
        let sum = x + out;
        if self.scale == 1.0 { sum } else { sum / self.scale }
    }
}

/// Applies the layers to each pixel and concatenates their outputs along the channels.
fn project(layers: &[&Linear], pixels: Tensor<4>) -> Tensor<4> {
    let weights = layers.iter().map(|layer| layer.weight.val()).collect();
    let weight = Tensor::cat(weights, 1).transpose(); // [outputs, inputs]
    let [outputs, inputs] = weight.dims();
    let biases: Option<Vec<_>> =
        layers.iter().map(|layer| layer.bias.as_ref().map(|bias| bias.val())).collect();
    let bias = biases.map(|biases| Tensor::cat(biases, 0));
    halfstep_ops::conv2d(pixels, weight.reshape([outputs, inputs, 1, 1]), bias, 1, 0)
}
