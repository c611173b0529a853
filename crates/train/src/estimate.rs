//! What a run will take: time, measured on the device, and memory, added up.

use std::time::Instant;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use halfstep_model::{Precision, UNet, UNetConfig, flat_grads};

use crate::config::Config;
use crate::error::TrainError;
use crate::stage::Stage;

/// Seconds an image, forwards alone and with gradients.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Speed {
    pub forward: f64,
    pub training: f64,
}

/// Seconds for the steps that are left of each stage, and for measuring.
pub(crate) fn expected_seconds(config: &Config, left: &[(Stage, u64)], speed: Speed) -> f64 {
    let (teacher, distill) = (&config.teacher, &config.distill);
    let learning: f64 = left
        .iter()
        .map(|&(stage, steps)| match stage {
            Stage::Teacher => {
                let asked = if teacher.from.is_some() { speed.forward } else { 0.0 };
                steps as f64 * teacher.batch_size as f64 * (speed.training + asked)
            }
            Stage::Round { .. } => {
                steps as f64 * distill.batch_size as f64 * (speed.training + 2.0 * speed.forward)
            }
        })
        .sum();
    // Full grid once, then teacher and student at each number of steps.
    let rounds: usize = config.rounds().iter().sum();
    let calls = distill.teacher_steps + 2 * rounds;
    learning + (calls * distill.agreement_images) as f64 * speed.forward
}

/// Images of a timed step: enough to fill the cores, few enough to be done in seconds.
pub(crate) fn timed_batch(config: &UNetConfig) -> usize {
    let [height, width] = config.image_sides();
    (16_384 / (height * width)).max(4)
}

impl Speed {
    /// Times a few steps.
    pub fn measure(
        network: &UNet,
        precision: Precision,
        config: &UNetConfig,
        batch: usize,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let [height, width] = config.image_sides();
        let shape = [batch.max(1), config.in_channels, height, width];
        let tracked = device.clone().autodiff();
        let sync = || device.sync().map_err(TrainError::device);
        let mut speed = Self { forward: f64::INFINITY, training: f64::INFINITY };
        let plain = network.valid().computing_in(precision);
        // The first turn compiles kernels and fills caches; the best of the others counts.
        for turn in 0..3 {
            let start = Instant::now();
            let z = Tensor::ones(shape, device);
            plain.forward(z, &[500.0], None, None);
            sync()?;
            let forward = start.elapsed().as_secs_f64();
            let start = Instant::now();
            let z = Tensor::ones(shape, &tracked);
            let working = network.computing_in(precision);
            let mut gradients = working.forward(z, &[500.0], None, None).square().mean().backward();
            drop(flat_grads(network, &mut gradients));
            sync()?;
            if turn > 0 {
                speed.forward = speed.forward.min(forward / shape[0] as f64);
                speed.training =
                    speed.training.min(start.elapsed().as_secs_f64() / shape[0] as f64);
            }
        }
        Ok(speed)
    }
}

/// Weights, gradients, two moments, average and a frozen teacher, and what the backward pass keeps
/// of a part of a batch. Not what a convolution on a GPU lays out for a moment, half a gigabyte at most
/// and its result twice.
pub(crate) fn memory(parameters: usize, config: &UNetConfig, part: usize) -> f64 {
    let floats = 6.0 * parameters as f64 + part as f64 * activations(config) as f64;
    floats * 4.0
}

/// Floats that one image's backward pass keeps: per residual block both normalised, both activated
/// and both convolved maps, per attention its maps before and after each step; and once the scores that
/// its backward pass computes again.
fn activations(config: &UNetConfig) -> usize {
    let [height, width] = config.image_sides();
    let levels = config.block_out_channels.iter().enumerate();
    let per_level = levels.map(|(level, &channels)| {
        let pixels = (height >> level) * (width >> level);
        let resnets = 2 * config.layers_per_block + 1;
        let attends = |kinds: &[halfstep_model::BlockType], at: usize| {
            matches!(
                kinds.get(at),
                Some(
                    halfstep_model::BlockType::AttnDownBlock2D
                        | halfstep_model::BlockType::AttnUpBlock2D
                )
            )
        };
        let heads = channels / config.attention_head_dim.unwrap_or(channels).max(1);
        let attention = if attends(&config.down_block_types, level) {
            3 * heads * pixels * pixels + resnets * 8 * channels * pixels
        } else {
            0
        };
        resnets * 14 * channels * pixels + attention
    });
    per_level.sum()
}

/// Bytes of memory that the machine has.
pub(crate) fn machine_memory() -> u64 {
    let memory = sysinfo::MemoryRefreshKind::nothing().with_ram();
    let refresh = sysinfo::RefreshKind::nothing().with_memory(memory);
    sysinfo::System::new_with_specifics(refresh).total_memory()
}
