//! What a run is asked to do.
//!
//! [`Job`] is a configuration file, read and resolved: a name, images, and a [`ResolvedConfig`].
//! [`TrainConfig`] is what a caller of this library fills in; [`TrainConfig::resolve`] checks it once and
//! derives everything that follows from it (noise schedule, pretrained teacher, stages), so that nothing
//! later has to check it or read a folder again.

pub(crate) mod changed;
pub(crate) mod defaults;
pub(crate) mod job;
pub(crate) mod memory_limit;
pub(crate) mod network;
pub(crate) mod pretrained;
pub(crate) mod resolved;
pub(crate) mod rounds;
pub(crate) mod shipped;
pub(crate) mod validate;
pub(crate) mod whole_numbers;

use std::collections::BTreeMap;
use std::path::PathBuf;

use halfstep_core::{EmaSchedule, LossWeighting, PredictionType, ScheduleConfig};
use halfstep_model::Precision;
use serde::{Deserialize, Serialize};

use crate::learner::NonFinite;
use crate::learner::lr::LrDecay;

/// How a teacher learns and is halved: everything of a run but its images and its name.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainConfig {
    /// Every random number of the run follows from it.
    pub seed: u64,
    /// The precision of forward and backward passes; weights are always f32.
    pub precision: Precision,
    /// What happens to a step whose loss or gradient is not finite.
    pub non_finite: NonFinite,
    /// The network; `None` if [`TeacherConfig::from`] names a folder, which has one.
    pub model: Option<ModelConfig>,
    /// The noise schedule [default: cosine with zero terminal SNR; with [`TeacherConfig::from`], the
    /// schedule of that folder].
    pub schedule: Option<ScheduleConfig>,
    /// Training from images, or a pretrained teacher.
    pub teacher: TeacherConfig,
    /// The rounds of halving.
    pub distill: DistillConfig,
    /// Logging; changes no weights.
    pub log: LogConfig,
}

impl Default for TrainConfig {
    /// A small network that learns 10,000 steps and is halved from 64 steps to 4.
    fn default() -> Self {
        Self {
            seed: 0,
            precision: Precision::default(),
            non_finite: NonFinite::default(),
            model: Some(ModelConfig::default()),
            schedule: None,
            teacher: TeacherConfig::default(),
            distill: DistillConfig::default(),
            log: LogConfig::default(),
        }
    }
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

impl Default for ModelConfig {
    /// Two resolutions of 32 and 64 channels, attention at the coarser one.
    fn default() -> Self {
        Self {
            block_out_channels: vec![32, 64],
            attention: vec![false, true],
            layers_per_block: two(),
            attention_head_dim: None,
            norm_num_groups: 8,
            dropout: 0.0,
            class_conditional: false,
        }
    }
}

/// AdamW's settings, for the teacher or for the rounds.
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
    /// The folder of a teacher that was trained elsewhere: a diffusers pipeline or `UNet2DModel`. It is
    /// taken as it is, or adapted in `train_steps` steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<PathBuf>,
    /// Optimiser steps [default with `from`: `distill.train_steps`, 0 where nothing has to be adapted].
    #[serde(default)]
    pub train_steps: u64,
    /// Images a step [default with `from`: `distill.batch_size`].
    #[serde(default)]
    pub batch_size: usize,
    /// The batch is computed in this many parts whose gradients are averaged: less memory.
    #[serde(default = "one")]
    pub accumulate: usize,
    /// Peak learning rate [default with `from`: `distill.learning_rate`].
    #[serde(default)]
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
    /// How noise levels count [default: min-SNR-5; with `from` as in a round].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weighting: Option<LossWeighting>,
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

impl Default for TeacherConfig {
    /// 10,000 steps of 64 images at a rate of 2e-4.
    fn default() -> Self {
        Self {
            from: None,
            train_steps: 10_000,
            batch_size: 64,
            accumulate: one(),
            learning_rate: 2e-4,
            warmup_steps: 0,
            lr_decay: LrDecay::default(),
            prediction_type: v_prediction(),
            weighting: None,
            time_sampling: TimeSampling::default(),
            flip: false,
            ema: EmaSchedule::default(),
            optimizer: OptimizerConfig::default(),
        }
    }
}

/// `[distill]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DistillConfig {
    /// Steps of the teacher; the first student has half of them.
    pub teacher_steps: usize,
    /// Steps of the last student.
    pub student_steps: usize,
    /// Optimiser steps a round. This, the rate, its warm-up and `ema` are of rounds without their own in
    /// `rounds`.
    pub train_steps: u64,
    /// Optimiser steps of the rounds with 2 and 1 steps [default: twice `train_steps`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_train_steps: Option<u64>,
    /// Images a step.
    pub batch_size: usize,
    /// The batch is computed in this many parts whose gradients are averaged: less memory.
    #[serde(default = "one")]
    pub accumulate: usize,
    /// Peak learning rate of a round; it falls linearly to 0 within the round.
    pub learning_rate: f64,
    /// Steps over which the rate rises linearly from 0: the first steps of an optimiser that knows no
    /// gradient yet move every weight by the whole rate, and a student begins as a copy of its teacher.
    /// Fewer than the round has.
    #[serde(default)]
    pub warmup_steps: u64,
    /// How noise levels count.
    #[serde(default = "truncated_snr")]
    pub weighting: LossWeighting,
    /// `[distill.rounds.N]`: what the round that makes the student of N steps has of its own. One that
    /// `student_steps` leaves out may have a table.
    #[serde(
        default,
        deserialize_with = "crate::config::rounds::read_tables",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub rounds: BTreeMap<usize, RoundConfig>,
    /// Moving average of a round's weights, which becomes the student [default: none, its last weights
    /// do].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema: Option<EmaSchedule>,
    /// AdamW, fresh in every round.
    #[serde(default)]
    pub optimizer: OptimizerConfig,
    /// Images over which teacher agreement is measured after each round.
    #[serde(default = "sixteen")]
    pub agreement_images: usize,
}

impl Default for DistillConfig {
    /// 64 steps halved to 4, each round in 2,000 steps of 64 images at a rate of 1e-4.
    fn default() -> Self {
        Self {
            teacher_steps: 64,
            student_steps: 4,
            train_steps: 2000,
            last_train_steps: None,
            batch_size: 64,
            accumulate: one(),
            learning_rate: 1e-4,
            warmup_steps: 0,
            weighting: truncated_snr(),
            rounds: BTreeMap::new(),
            ema: None,
            optimizer: OptimizerConfig::default(),
            agreement_images: sixteen(),
        }
    }
}

/// `[distill.rounds.N]`: what is left out is as `[distill]` says, `last_train_steps` included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RoundConfig {
    /// Optimiser steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_steps: Option<u64>,
    /// Peak learning rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Steps over which the rate rises linearly from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup_steps: Option<u64>,
    /// Moving average of the weights, which becomes the student; what it leaves out has its default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema: Option<EmaSchedule>,
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
    /// TensorBoard event files too, in `tensorboard/`.
    pub tensorboard: bool,
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
            tensorboard: false,
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

fn truncated_snr() -> LossWeighting {
    LossWeighting::TruncatedSnr
}
