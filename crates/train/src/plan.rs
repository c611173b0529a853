//! What a run is going to do, and about what it will take.

use std::fmt;
use std::time::Instant;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use halfstep_model::{Precision, SelectedDevice, UNet, UNetConfig, flat_grads};

use crate::config::Config;
use crate::error::TrainError;
use crate::progress::{human_bytes, human_time};

/// Everything a user wants to know before the first step.
#[derive(Clone, Debug)]
pub struct Plan {
    title: String,
    network: String,
    device: String,
    teacher: String,
    rounds: String,
    memory_bytes: f64,
    seconds: f64,
    advice: Option<String>,
}

/// Seconds an image, forwards alone and with gradients.
#[derive(Clone, Copy, Debug)]
struct Speed {
    forward: f64,
    training: f64,
}

impl Plan {
    /// Times a few steps on `device` and extrapolates; weights, optimiser and activations are added
    /// up.
    ///
    /// # Errors
    /// [`TrainError::Model`] if the network cannot be built, [`TrainError::Device`] if it cannot run.
    pub fn new(
        config: &Config,
        unet: &UNetConfig,
        images: usize,
        device: &SelectedDevice,
    ) -> Result<Self, TrainError> {
        config.validate_precision(device)?;
        let (teacher, distill) = (&config.teacher, &config.distill);
        let rounds = config.rounds();
        let network = UNet::zeroed(unet, &device.device.clone().autodiff())?;
        let parameters = network.num_params();
        let part =
            (teacher.batch_size / teacher.accumulate).max(distill.batch_size / distill.accumulate);
        let speed = Speed::measure(
            &network,
            config.precision,
            unet,
            part.min(timed_batch(unet)),
            &device.device,
        )?;
        let seconds = expected_seconds(config, &rounds, speed);
        let advice = (!device.is_gpu && seconds > 86_400.0).then(|| {
            format!(
                "on {} this takes about {}; it goes on all the same. configs/cifar-small.toml is a run for a \
                 CPU, and --set teacher.train_steps=2000 shortens this one",
                device.description,
                human_time(seconds)
            )
        });
        Ok(Self {
            title: format!("{}: {images} images from {}", config.name, config.data.describe()),
            network: format!(
                "UNet2DModel, {:.2} million parameters, channels {:?}, {} outputs, in {}",
                parameters as f64 / 1e6,
                unet.block_out_channels,
                teacher.prediction_type,
                config.precision
            ),
            device: device.description.clone(),
            teacher: format!(
                "{} steps of {} images, lr {:e}, weighting {}, EMA {}",
                teacher.train_steps,
                teacher.batch_size,
                teacher.learning_rate,
                teacher.weighting.name(),
                teacher.ema.decay
            ),
            rounds: describe_rounds(config, &rounds),
            memory_bytes: memory(parameters, unet, part),
            seconds,
            advice,
        })
    }
}

fn describe_rounds(config: &Config, rounds: &[usize]) -> String {
    if rounds.is_empty() {
        return "none".to_owned();
    }
    let distill = &config.distill;
    let grid: Vec<String> = std::iter::once(distill.teacher_steps)
        .chain(rounds.iter().copied())
        .map(|n| n.to_string())
        .collect();
    format!(
        "{} sampling steps, {} steps{} of {} images a round, lr {:e} to 0, weighting {}",
        grid.join(" -> "),
        distill.train_steps,
        match rounds.last() {
            Some(&last @ (1 | 2)) => format!(" ({} for 2 and 1)", config.round_train_steps(last)),
            _ => String::new(),
        },
        distill.batch_size,
        distill.learning_rate,
        distill.weighting.name()
    )
}

impl Config {
    /// Optimiser steps of the round that makes a student of `num_steps`.
    pub fn round_train_steps(&self, num_steps: usize) -> u64 {
        match num_steps {
            1 | 2 => {
                self.distill.last_train_steps.unwrap_or(self.distill.train_steps.saturating_mul(2))
            }
            _ => self.distill.train_steps,
        }
    }
}

fn expected_seconds(config: &Config, rounds: &[usize], speed: Speed) -> f64 {
    let (teacher, distill) = (&config.teacher, &config.distill);
    let learning = teacher.train_steps as f64 * teacher.batch_size as f64 * speed.training;
    let images: f64 = rounds
        .iter()
        .map(|&n| config.round_train_steps(n) as f64 * distill.batch_size as f64)
        .sum();
    let halving = images * (speed.training + 2.0 * speed.forward);
    // Full grid once, then teacher and student at each number of steps.
    let calls = distill.teacher_steps + 2 * rounds.iter().sum::<usize>();
    learning + halving + (calls * distill.agreement_images) as f64 * speed.forward
}

/// Images of a timed step: enough to fill the cores, few enough to be done in seconds.
fn timed_batch(config: &UNetConfig) -> usize {
    let size = config.sample_size.unwrap_or(config.size_multiple());
    (16_384 / (size * size)).max(4)
}

impl Speed {
    fn measure(
        network: &UNet,
        precision: Precision,
        config: &UNetConfig,
        batch: usize,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let size = config.sample_size.unwrap_or(config.size_multiple());
        let shape = [batch.max(1), config.in_channels, size, size];
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
/// of a part of a batch.
fn memory(parameters: usize, config: &UNetConfig, part: usize) -> f64 {
    let floats = 6 * parameters + part * activations(config);
    floats as f64 * 4.0
}

/// Floats that one image's backward pass keeps: per residual block both normalised, both activated
/// and both convolved maps, per attention its maps before and after each step; and once the scores that
/// its backward pass computes again.
fn activations(config: &UNetConfig) -> usize {
    let size = config.sample_size.unwrap_or(config.size_multiple());
    let levels = config.block_out_channels.iter().enumerate();
    let per_level = levels.map(|(level, &channels)| {
        let pixels = (size >> level).pow(2);
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

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        writeln!(f, "  network  {}", self.network)?;
        writeln!(f, "  device   {}", self.device)?;
        writeln!(f, "  teacher  {}", self.teacher)?;
        writeln!(f, "  rounds   {}", self.rounds)?;
        write!(
            f,
            "  takes    about {} (timed on this device just now) and {} of memory",
            human_time(self.seconds),
            human_bytes(self.memory_bytes)
        )?;
        match &self.advice {
            Some(advice) => write!(f, "\n  note     {advice}"),
            None => Ok(()),
        }
    }
}
