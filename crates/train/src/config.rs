//! The configuration of a run, as TOML says it.

use halfstep_core::{EmaSchedule, LossWeighting, PredictionType, ScheduleConfig, ScheduleName};
use halfstep_data::DataConfig;
use halfstep_model::{BlockType, UNetConfig};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::lr::LrDecay;

/// A run: which images, which network, how the teacher learns, how it is halved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Of the run folder, `runs/NAME`.
    pub name: String,
    /// Everything random follows from it.
    #[serde(default)]
    pub seed: u64,
    /// `[data]`
    pub data: DataConfig,
    /// `[model]`
    pub model: ModelConfig,
    /// `[schedule]`
    #[serde(default = "cosine")]
    pub schedule: ScheduleConfig,
    /// `[teacher]`
    pub teacher: TeacherConfig,
    /// `[distill]`
    pub distill: DistillConfig,
    /// `[log]`
    #[serde(default)]
    pub log: LogConfig,
}

/// The UNet; the image size and channels come from the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Channels at each resolution, finest first.
    pub block_out_channels: Vec<usize>,
    /// Whether each resolution has self-attention, finest first.
    pub attention: Vec<bool>,
    /// Residual blocks a resolution.
    #[serde(default = "two")]
    pub layers_per_block: usize,
    /// Channels of one attention head; left out: one head.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attention_head_dim: Option<usize>,
    /// Groups of every group norm.
    #[serde(default = "thirty_two")]
    pub norm_num_groups: usize,
    /// Dropout while the teacher learns; students never have any.
    #[serde(default)]
    pub dropout: f64,
    /// Teach the classes of the dataset too.
    #[serde(default)]
    pub class_conditional: bool,
}

/// What both the teacher and the rounds have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerConfig {
    /// AdamW's betas.
    pub betas: [f64; 2],
    /// AdamW's epsilon.
    pub eps: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// The gradient's global norm is clipped to this; 0 turns clipping off.
    pub grad_clip: f64,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.0, grad_clip: 1.0 }
    }
}

/// `[teacher]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeacherConfig {
    /// Optimiser steps.
    pub train_steps: u64,
    /// Images a step.
    pub batch_size: usize,
    /// The batch is computed in this many parts whose gradients are averaged: less memory.
    #[serde(default = "one")]
    pub accumulate: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Steps over which the rate rises linearly from 0.
    #[serde(default)]
    pub warmup_steps: u64,
    /// How the rate falls afterwards.
    #[serde(default)]
    pub lr_decay: LrDecay,
    /// What the network learns to predict.
    #[serde(default = "v_prediction")]
    pub prediction_type: PredictionType,
    /// How noise levels count.
    #[serde(default = "min_snr_5")]
    pub weighting: LossWeighting,
    /// How training times are drawn.
    #[serde(default)]
    pub time_sampling: TimeSampling,
    /// Mirror images at random; refused where the dataset does not allow it.
    #[serde(default)]
    pub flip: bool,
    /// Moving average of the weights, which becomes the teacher.
    #[serde(default)]
    pub ema: EmaSchedule,
    /// AdamW.
    #[serde(default)]
    pub optimizer: OptimizerConfig,
}

/// `[distill]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DistillConfig {
    /// Steps of the teacher; the first student has half of them.
    pub teacher_steps: usize,
    /// Steps of the last student.
    pub student_steps: usize,
    /// Optimiser steps a round.
    pub train_steps: u64,
    /// Optimiser steps of the rounds with 2 and 1 steps [default: twice `train_steps`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_train_steps: Option<u64>,
    /// Images a step.
    pub batch_size: usize,
    /// The batch is computed in this many parts whose gradients are averaged: less memory.
    #[serde(default = "one")]
    pub accumulate: usize,
    /// Learning rate at the start of a round; it falls linearly to 0 within the round.
    pub learning_rate: f64,
    /// How noise levels count.
    #[serde(default = "truncated_snr")]
    pub weighting: LossWeighting,
    /// AdamW, fresh in every round.
    #[serde(default)]
    pub optimizer: OptimizerConfig,
    /// Images over which teacher agreement is measured after each round.
    #[serde(default = "sixteen")]
    pub agreement_images: usize,
}

/// `[log]`: nothing here changes the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// A line of metrics every so many steps.
    pub every: u64,
    /// The run state is saved every so many steps.
    pub checkpoint_every: u64,
    /// A preview grid every so many steps; 0 for none.
    pub preview_every: u64,
    /// Steps of the preview's DDIM while the teacher learns.
    pub preview_steps: usize,
    /// Images in a preview.
    pub preview_images: usize,
    /// Images drawn at once.
    pub sample_batch: usize,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            every: 10,
            checkpoint_every: 500,
            preview_every: 1000,
            preview_steps: 16,
            preview_images: 16,
            sample_batch: 64,
        }
    }
}

/// How training times are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeSampling {
    /// Independently and uniformly.
    Uniform,
    /// One in each of B equal strata (Kingma et al. 2021, "Variational diffusion models", appendix
    /// I.1): the same mean, less variance.
    #[default]
    Stratified,
}

fn cosine() -> ScheduleConfig {
    ScheduleConfig { zero_terminal_snr: true, ..ScheduleConfig::new(ScheduleName::Cosine) }
}

fn one() -> usize {
    1
}

fn two() -> usize {
    2
}

fn sixteen() -> usize {
    16
}

fn thirty_two() -> usize {
    32
}

fn v_prediction() -> PredictionType {
    PredictionType::VPrediction
}

fn min_snr_5() -> LossWeighting {
    LossWeighting::MinSnrGamma { gamma: 5.0 }
}

fn truncated_snr() -> LossWeighting {
    LossWeighting::TruncatedSnr
}

impl Config {
    /// The UNet for images of `shape` (C, H, W) and, if class-conditional, this many classes.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the field that does not fit.
    pub fn unet(
        &self,
        shape: [usize; 3],
        num_classes: Option<usize>,
    ) -> Result<UNetConfig, TrainError> {
        let [channels, height, width] = shape;
        let model = &self.model;
        if height != width {
            return Err(TrainError::config(
                "data",
                format!("images are {height}x{width}; square ones are needed"),
            ));
        }
        if model.attention.len() != model.block_out_channels.len() {
            return Err(TrainError::config(
                "model.attention",
                format!(
                    "has {} entries and model.block_out_channels {}: one a resolution is needed",
                    model.attention.len(),
                    model.block_out_channels.len()
                ),
            ));
        }
        let num_class_embeds = match (model.class_conditional, num_classes) {
            (false, _) => None,
            (true, Some(classes)) => Some(classes),
            (true, None) => {
                return Err(TrainError::config(
                    "model.class_conditional",
                    "is true, but the dataset has no classes",
                ));
            }
        };
        let block = |attention: bool, with, without| if attention { with } else { without };
        let (down, attn_down) = (BlockType::DownBlock2D, BlockType::AttnDownBlock2D);
        let (up, attn_up) = (BlockType::UpBlock2D, BlockType::AttnUpBlock2D);
        let config = UNetConfig {
            sample_size: Some(height),
            in_channels: channels,
            out_channels: channels,
            block_out_channels: model.block_out_channels.clone(),
            down_block_types: model.attention.iter().map(|&a| block(a, attn_down, down)).collect(),
            up_block_types: model.attention.iter().rev().map(|&a| block(a, attn_up, up)).collect(),
            layers_per_block: model.layers_per_block,
            attention_head_dim: model.attention_head_dim,
            norm_num_groups: model.norm_num_groups,
            dropout: model.dropout,
            num_class_embeds,
            ..UNetConfig::default()
        };
        config.validate()?;
        Ok(config)
    }

    /// Steps of each student, in the order of the rounds: half of the teacher's first.
    pub fn rounds(&self) -> Vec<usize> {
        let DistillConfig { teacher_steps, student_steps, .. } = self.distill;
        let halvings = std::iter::successors(Some(teacher_steps / 2), |steps| Some(steps / 2));
        halvings.take_while(|&steps| steps >= student_steps.max(1)).collect()
    }

    /// Checks what no single field shows.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the field, its value and what is accepted.
    pub fn validate(&self) -> Result<(), TrainError> {
        let schedule = self
            .schedule
            .build()
            .map_err(|error| TrainError::config("schedule", error.to_string()))?;
        self.validate_name()?;
        self.validate_numbers()?;
        self.validate_rounds(schedule.len())?;
        let teacher = self.teacher.prediction_type;
        if teacher == PredictionType::Epsilon && schedule.has_zero_terminal_snr() {
            return Err(TrainError::config(
                "teacher.prediction_type",
                "is \"epsilon\", which says nothing about the image at alpha = 0, where this schedule ends; \
                 use \"v_prediction\" or \"sample\", or schedule.zero_terminal_snr = false",
            ));
        }
        if self.rounds().is_empty() {
            return Ok(());
        }
        if teacher == PredictionType::Epsilon {
            return Err(TrainError::config(
                "teacher.prediction_type",
                "is \"epsilon\": a student starts from its teacher's weights, and an eps-student has no image at \
                 alpha = 0, the first step of every few-step sampler; use \"v_prediction\" or \"sample\"",
            ));
        }
        if self.distill.weighting.vanishes_at_zero_snr() {
            return Err(TrainError::config(
                "distill.weighting",
                format!(
                    "is \"{}\", whose weight is 0 at alpha = 0: the first and most important step of a few-step \
                     student would learn nothing; use \"truncated_snr\", \"snr_plus_one\" or \"x0\"",
                    self.distill.weighting.name()
                ),
            ));
        }
        Ok(())
    }

    fn validate_name(&self) -> Result<(), TrainError> {
        let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.name.is_empty() || self.name.starts_with('.') || !self.name.chars().all(fine) {
            return Err(TrainError::config(
                "name",
                format!(
                    "is \"{}\"; it becomes a folder: letters, digits, '-', '_' and '.' only",
                    self.name
                ),
            ));
        }
        Ok(())
    }

    fn validate_numbers(&self) -> Result<(), TrainError> {
        let (teacher, distill, log) = (&self.teacher, &self.distill, &self.log);
        let counts: [(&'static str, u64); 12] = [
            ("teacher.train_steps", teacher.train_steps),
            ("teacher.batch_size", teacher.batch_size as u64),
            ("teacher.accumulate", teacher.accumulate as u64),
            ("distill.teacher_steps", distill.teacher_steps as u64),
            ("distill.student_steps", distill.student_steps as u64),
            ("distill.train_steps", distill.train_steps),
            ("distill.last_train_steps", distill.last_train_steps.unwrap_or(1)),
            ("distill.batch_size", distill.batch_size as u64),
            ("distill.accumulate", distill.accumulate as u64),
            ("distill.agreement_images", distill.agreement_images as u64),
            ("log.every", log.every),
            ("log.checkpoint_every", log.checkpoint_every),
        ];
        if let Some((field, _)) = counts.iter().find(|(_, value)| *value == 0) {
            return Err(TrainError::config(field, "is 0; at least 1 is needed"));
        }
        for (field, batch, parts) in [
            ("teacher.accumulate", teacher.batch_size, teacher.accumulate),
            ("distill.accumulate", distill.batch_size, distill.accumulate),
        ] {
            if !batch.is_multiple_of(parts) {
                return Err(TrainError::config(
                    field,
                    format!("is {parts}, which does not divide the batch size {batch}"),
                ));
            }
        }
        for (field, rate) in [
            ("teacher.learning_rate", teacher.learning_rate),
            ("distill.learning_rate", distill.learning_rate),
        ] {
            if !(rate > 0.0 && rate.is_finite()) {
                return Err(TrainError::config(field, format!("is {rate}; it must be positive")));
            }
        }
        if !(0.0..=1.0).contains(&teacher.ema.decay) {
            return Err(TrainError::config(
                "teacher.ema.decay",
                format!("is {}; it must be in [0, 1]", teacher.ema.decay),
            ));
        }
        validate_optimizer("teacher.optimizer", &teacher.optimizer)?;
        validate_optimizer("distill.optimizer", &distill.optimizer)
    }

    fn validate_rounds(&self, train_timesteps: usize) -> Result<(), TrainError> {
        let DistillConfig { teacher_steps, student_steps, .. } = self.distill;
        if !train_timesteps.is_multiple_of(teacher_steps) {
            return Err(TrainError::config(
                "distill.teacher_steps",
                format!(
                    "is {teacher_steps}, which does not divide schedule.train_timesteps = {train_timesteps}: its grid \
                     would not lie on the times the teacher learned"
                ),
            ));
        }
        let reached = std::iter::successors(Some(teacher_steps), |&steps| {
            steps.is_multiple_of(2).then_some(steps / 2)
        })
        .any(|steps| steps == student_steps);
        if !reached {
            return Err(TrainError::config(
                "distill.student_steps",
                format!("is {student_steps}, which halving {teacher_steps} does not reach"),
            ));
        }
        Ok(())
    }
}

fn validate_optimizer(field: &'static str, optimizer: &OptimizerConfig) -> Result<(), TrainError> {
    let betas_fine = optimizer.betas.iter().all(|beta| (0.0..1.0).contains(beta));
    let others = [optimizer.eps, optimizer.weight_decay, optimizer.grad_clip];
    if betas_fine
        && optimizer.eps > 0.0
        && others.iter().all(|value| *value >= 0.0 && value.is_finite())
    {
        return Ok(());
    }
    Err(TrainError::config(
        field,
        "betas must be in [0, 1), eps positive, weight_decay and grad_clip not negative",
    ))
}
