//! Self-attention over the pixels of a feature map.

use burn::module::Module;
use burn::nn::{GroupNorm, Linear};
use burn::tensor::{Device, Tensor};

use crate::config::UNetConfig;
use crate::embedding::linear;
use crate::resnet::{group_norm, normalise};

/// `x + to_out(softmax(q k^T / sqrt(d)) v)` with q, k, v linear in the normalised pixels
/// (diffusers' `Attention` as `UNet2DModel` builds it).
#[derive(Module, Debug)]
pub(crate) struct SelfAttention {
    group_norm: GroupNorm,
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    /// A list, so that the parameter is called `to_out.0` as in diffusers.
    to_out: Vec<Linear>,
    heads: usize,
}

impl SelfAttention {
    pub(crate) fn new(config: &UNetConfig, channels: usize, device: &Device) -> Self {
        let project = || linear(channels, channels, device);
        Self {
            group_norm: group_norm(config, channels, device),
            to_q: project(),
            to_k: project(),
            to_v: project(),
            to_out: vec![project()],
            heads: config.heads(channels),
        }
    }

    /// `[B, C, H, W] -> [B, C, H, W]`
    ///
    /// A linear layer over the channels of each pixel is a 1x1 convolution, and needs no pixel
    /// moved. Those of q, k and v are one.
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let pixels = normalise(&self.group_norm, x.clone());
        let qkv = project(&[&self.to_q, &self.to_k, &self.to_v], pixels); // [B, 3 C, H, W]
        let mut out = halfstep_ops::attention(qkv, self.heads);
        for layer in &self.to_out {
            out = project(&[layer], out);
        }
        x + out
    }
}

/// The layers' outputs for each pixel, one after another along the channels.
fn project(layers: &[&Linear], pixels: Tensor<4>) -> Tensor<4> {
    let weights = layers.iter().map(|layer| layer.weight.val()).collect();
    let weight = Tensor::cat(weights, 1).transpose(); // [outputs, inputs]
    let [outputs, inputs] = weight.dims();
    let biases: Option<Vec<_>> =
        layers.iter().map(|layer| layer.bias.as_ref().map(|bias| bias.val())).collect();
    let bias = biases.map(|biases| Tensor::cat(biases, 0));
    halfstep_ops::conv2d(pixels, weight.reshape([outputs, inputs, 1, 1]), bias, 1, 0)
}
