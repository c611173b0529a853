//! Embeddings of times and classes.

use burn::module::{Module, Param};
use burn::nn::{Embedding, EmbeddingConfig, Initializer, Linear};
use burn::tensor::activation::silu;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::class_input::ClassInput;
use crate::unet::architecture::TimeEmbeddingType;
use crate::unet::config::UNetConfig;
use crate::unet::layers::linear;

/// Sinusoidal features of discrete times, `[B, dim]` (Ho et al. 2020; diffusers'
/// `get_timestep_embedding`).
///
/// The frequencies are `freq_i = exp(-ln(10000) i / (dim/2 - freq_shift))`, the features
/// `[sin(t freq), cos(t freq)]`, or `[cos, sin]` with `flip_sin_to_cos`. Frequencies and phases are rounded
/// to f32 as diffusers rounds them: at t = 1000 the phase would otherwise differ in the fifth digit.
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

/// The features of a number: a time, or a class that is embedded like a time.
#[derive(Module, Debug)]
pub(crate) struct NumberFeatures {
    /// The random frequencies of a fourier time embedding (diffusers' `GaussianFourierProjection`). They
    /// are part of the weights and are never trained.
    weight: Option<Param<Tensor<1>>>,
    width: usize,
    freq_shift: usize,
    flip_sin_to_cos: bool,
}

impl NumberFeatures {
    pub(crate) fn new(config: &UNetConfig, device: &Device) -> Self {
        let width = config.block_out_channels[0];
        let weight = (config.time_embedding_type == TimeEmbeddingType::Fourier)
            .then(|| Initializer::Zeros.init([width], device));
        let (freq_shift, flip_sin_to_cos) = (config.freq_shift, config.flip_sin_to_cos);
        Self { weight, width, freq_shift, flip_sin_to_cos }
    }

    /// The number of features per input.
    pub(crate) fn count(&self) -> usize {
        if self.weight.is_some() { 2 * self.width } else { self.width }
    }

    /// `[B, count]`
    pub(crate) fn forward(&self, numbers: &[f64], device: &Device) -> Tensor<2> {
        match &self.weight {
            Some(weight) => fourier_features(numbers, weight.val(), device),
            None => timestep_embedding(
                numbers,
                self.width,
                self.freq_shift,
                self.flip_sin_to_cos,
                device,
            ),
        }
    }
}

/// `[sin, cos]` of `2 pi w ln(t)`, `[B, 2 n]`; the factors are multiplied in diffusers' order.
fn fourier_features(times: &[f64], frequencies: Tensor<1>, device: &Device) -> Tensor<2> {
    let logs: Vec<f32> = times.iter().map(|&time| (time as f32).ln()).collect();
    let logs = Tensor::<2>::from_data(TensorData::new(logs, [times.len(), 1]), device);
    let phases = logs * frequencies.unsqueeze_dim::<2>(0) * 2.0 * std::f64::consts::PI;
    Tensor::cat(vec![phases.clone().sin(), phases.cos()], 1)
}

/// The embedding of a class, which is added to the embedding of the time.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one per network")]
pub(crate) enum ClassEmbedding {
    /// A row of a table.
    Table(Embedding),
    /// The class number, embedded like a time.
    Number(TimestepEmbedding),
}

impl ClassEmbedding {
    /// `None` for an unconditional network.
    pub(crate) fn new(config: &UNetConfig, features: usize, device: &Device) -> Option<Self> {
        let width = config.time_embed_dim();
        match config.class_input() {
            ClassInput::None => None,
            ClassInput::Table(classes) => Some(Self::Table(
                EmbeddingConfig::new(classes, width)
                    .with_initializer(Initializer::Zeros)
                    .init(device),
            )),
            ClassInput::Number => {
                Some(Self::Number(TimestepEmbedding::new(features, width, device)))
            }
        }
    }

    /// `[B, E]`, one row per label.
    pub(crate) fn forward(
        &self,
        labels: &[u32],
        features: &NumberFeatures,
        device: &Device,
    ) -> Tensor<2> {
        match self {
            Self::Table(table) => {
                let labels: Vec<i32> = labels.iter().map(|&label| label as i32).collect();
                let count = labels.len();
                let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [count]), device);
                table.forward(labels.unsqueeze_dim::<2>(1)).squeeze_dim::<2>(1)
            }
            Self::Number(embedding) => {
                let numbers: Vec<f64> = labels.iter().map(|&label| f64::from(label)).collect();
                embedding.forward(features.forward(&numbers, device))
            }
        }
    }
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
