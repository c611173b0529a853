//! Self-attention over the pixels of a feature map.

use burn::module::Module;
use burn::nn::{GroupNorm, Linear};
use burn::tensor::module::attention;
use burn::tensor::ops::AttentionModuleOptions;
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
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [b, c, h, w] = x.dims();
        let pixels = normalise(&self.group_norm, x.clone()).reshape([b, c, h * w]).swap_dims(1, 2); // [B, HW, C]
        let split = |projected: Tensor<3>| {
            projected.reshape([b, h * w, self.heads, c / self.heads]).swap_dims(1, 2) // [B, heads, HW, d]
        };
        let mut out = attention(
            split(self.to_q.forward(pixels.clone())),
            split(self.to_k.forward(pixels.clone())),
            split(self.to_v.forward(pixels)),
            None,
            None,
            AttentionModuleOptions::default(),
        )
        .swap_dims(1, 2)
        .reshape([b, h * w, c]);
        for layer in &self.to_out {
            out = layer.forward(out);
        }
        x + out.swap_dims(1, 2).reshape([b, c, h, w])
    }
}
