//! Sinusoidal time embedding and the two layers after it.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::silu;
use burn::tensor::{Device, Tensor, TensorData};

/// Sinusoidal features of discrete times, `[B, dim]` (Ho et al. 2020; diffusers'
/// `get_timestep_embedding`).
///
/// `freq_i = exp(-ln(10000) i / (dim/2 - freq_shift))`, features `[sin(t freq), cos(t freq)]`, or
/// `[cos, sin]` with `flip_sin_to_cos`. The frequencies and the phase are rounded to f32 as
/// diffusers rounds them: at t = 1000 the phase would otherwise differ in the fifth digit.
pub fn timestep_embedding(
    times: &[f64],
    dim: usize,
    freq_shift: usize,
    flip_sin_to_cos: bool,
    device: &Device,
) -> Tensor<2> {
    let half = dim / 2;
    let scale = -(10_000f64.ln());
    let frequencies: Vec<f32> = (0..half)
        .map(|i| {
            let exponent = (scale * i as f64) as f32 / (half - freq_shift) as f32;
            f64::from(exponent).exp() as f32
        })
        .collect();
    let mut features = Vec::with_capacity(times.len() * dim);
    for &time in times {
        let phases = frequencies.iter().map(|frequency| f64::from(time as f32 * frequency));
        let sin = phases.clone().map(|phase| phase.sin() as f32);
        let cos = phases.map(|phase| phase.cos() as f32);
        if flip_sin_to_cos {
            features.extend(cos.chain(sin));
        } else {
            features.extend(sin.chain(cos));
        }
    }
    Tensor::from_data(TensorData::new(features, [times.len(), dim]), device)
}

/// `linear_1`, SiLU, `linear_2`.
#[derive(Module, Debug)]
pub(crate) struct TimestepEmbedding {
    linear_1: Linear,
    linear_2: Linear,
}

impl TimestepEmbedding {
    pub(crate) fn new(input: usize, hidden: usize, device: &Device) -> Self {
        Self { linear_1: linear(input, hidden, device), linear_2: linear(hidden, hidden, device) }
    }

    /// `[B, input] -> [B, hidden]`
    pub(crate) fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        let features = features.cast(self.linear_1.weight.val().dtype());
        self.linear_2.forward(silu(self.linear_1.forward(features)))
    }
}

/// A linear layer whose weights are still to be drawn: see [`crate::init`].
pub(crate) fn linear(input: usize, output: usize, device: &Device) -> Linear {
    LinearConfig::new(input, output).with_initializer(burn::nn::Initializer::Zeros).init(device)
}
