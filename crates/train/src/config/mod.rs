//! The configuration of a run.
//!
//! A caller of the library fills in a [`TrainConfig`]; a configuration file becomes a [`Job`](job::Job).
//! [`TrainConfig::resolve`] checks the settings once and derives the noise schedule, the pretrained teacher and
//! the stages. Later code uses the [`ResolvedConfig`](resolved::ResolvedConfig) and checks nothing again.

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

pub use crate::batches::TimeSampling;
use crate::learner::NonFinite;
use crate::learner::lr::LrDecay;
pub use crate::learner::optimizer::OptimizerConfig;

/// How a teacher is trained and distilled: all settings of a run except its name and its images.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainConfig {
    /// The seed of every random number of the run.
    pub seed: u64,
    /// The precision of forward and backward passes; weights are always f32.
    pub precision: Precision,
    /// What happens to a step whose loss or gradient is not finite.
    pub non_finite: NonFinite,
    /// The network; must be `None` if [`TeacherConfig::from`] names a folder, which has its own network.
    pub model: Option<ModelConfig>,
    /// The noise schedule [default: cosine with zero terminal SNR; with [`TeacherConfig::from`], the
    /// schedule of that folder].
    pub schedule: Option<ScheduleConfig>,
    /// The teacher: trained from images, or pretrained.
    pub teacher: TeacherConfig,
    /// The rounds of distillation.
    pub distill: DistillConfig,
    /// Logging; changes no weights.
    pub log: LogConfig,
}

impl Default for TrainConfig {
    /// A small network, trained for 10,000 steps and distilled from 64 sampling steps to 4.
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

/// `[model]`: the UNet. Its image size and channels come from the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Channels at each resolution, finest first.
    pub block_out_channels: Vec<usize>,
    /// Whether each resolution has self-attention, finest first.
    pub attention: Vec<bool>,
    /// Residual blocks per resolution.
    #[serde(default = "two")]
    pub layers_per_block: usize,
    /// Channels of one attention head [default: a single head with all channels].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attention_head_dim: Option<usize>,
    /// Groups of every group norm; must divide every entry of `block_out_channels`.
    #[serde(default = "thirty_two")]
    pub norm_num_groups: usize,
    /// Dropout probability, in [0, 1), while the teacher is trained; students have no dropout.
    #[serde(default)]
    pub dropout: f64,
    /// Whether the network is conditioned on the classes of the dataset.
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

/// `[teacher]`: the first stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeacherConfig {
    /// The folder of a pretrained teacher: a diffusers pipeline or `UNet2DModel`. The teacher is used
    /// unchanged, or adapted in `train_steps` steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<PathBuf>,
    /// Optimiser steps [default with `from`: `distill.train_steps`, or 0 if nothing has to be adapted].
    #[serde(default)]
    pub train_steps: u64,
    /// Images per optimiser step [default with `from`: `distill.batch_size`].
    #[serde(default)]
    pub batch_size: usize,
    /// Number of parts in which a batch is computed, to save memory; their gradients are averaged. Must divide
    /// `batch_size`.
    #[serde(default = "one")]
    pub accumulate: usize,
    /// Peak learning rate [default with `from`: `distill.learning_rate`].
    #[serde(default)]
    pub learning_rate: f64,
    /// Steps over which the rate rises linearly from 0.
    #[serde(default)]
    pub warmup_steps: u64,
    /// How the rate falls after the warm-up.
    #[serde(default)]
    pub lr_decay: LrDecay,
    /// What the network predicts.
    #[serde(default = "v_prediction")]
    pub prediction_type: PredictionType,
    /// The loss weighting of noise levels [default: min-SNR-5; with `from`, `distill.weighting`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weighting: Option<LossWeighting>,
    /// How training times are drawn.
    #[serde(default)]
    pub time_sampling: TimeSampling,
    /// Mirror images at random; refused for datasets whose mirrored images are not valid.
    #[serde(default)]
    pub flip: bool,
    /// The moving average of the weights; the averaged weights become the teacher.
    #[serde(default)]
    pub ema: EmaSchedule,
    /// AdamW.
    #[serde(default)]
    pub optimizer: OptimizerConfig,
}

impl Default for TeacherConfig {
    /// 10,000 steps of 64 images at a learning rate of 2e-4.
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

/// `[distill]`: the rounds of halving.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DistillConfig {
    /// Sampling steps of the teacher; the first student has half as many. Must divide the number of times T.
    pub teacher_steps: usize,
    /// Sampling steps of the last student; repeated halving of `teacher_steps` must reach it.
    pub student_steps: usize,
    /// Optimiser steps per round. A table in `rounds` can override this, the learning rate, the warm-up and
    /// `ema` for one round.
    pub train_steps: u64,
    /// Optimiser steps of the rounds to 2 and to 1 sampling steps [default: twice `train_steps`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_train_steps: Option<u64>,
    /// Images per optimiser step.
    pub batch_size: usize,
    /// Number of parts in which a batch is computed, to save memory; their gradients are averaged. Must divide
    /// `batch_size`.
    #[serde(default = "one")]
    pub accumulate: usize,
    /// Peak learning rate of a round; the rate falls linearly to 0 at the end of the round.
    pub learning_rate: f64,
    /// Steps over which the rate rises linearly from 0; fewer than the round has. A student starts as a copy of
    /// its teacher, and AdamW's first steps move every weight by the full rate, however small its gradient.
    #[serde(default)]
    pub warmup_steps: u64,
    /// The loss weighting of noise levels; its weight must not vanish at alpha = 0.
    #[serde(default = "truncated_snr")]
    pub weighting: LossWeighting,
    /// `[distill.rounds.N]`: overrides for the round to N sampling steps. A table for a round that
    /// `student_steps` leaves out is allowed.
    #[serde(
        default,
        deserialize_with = "crate::config::rounds::read_tables",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub rounds: BTreeMap<usize, RoundConfig>,
    /// The moving average of a round's weights; the averaged weights become the student [default: none, the
    /// last weights become the student].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema: Option<EmaSchedule>,
    /// AdamW; its moments start from zero in every round.
    #[serde(default)]
    pub optimizer: OptimizerConfig,
    /// Number of images for measuring teacher agreement after each round.
    #[serde(default = "sixteen")]
    pub agreement_images: usize,
}

impl Default for DistillConfig {
    /// From 64 sampling steps to 4; each round takes 2,000 steps of 64 images at a learning rate of 1e-4.
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

/// `[distill.rounds.N]`: overrides for the round to N sampling steps. A setting that is not given has its value
/// in `[distill]`, including `last_train_steps`.
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
    /// The moving average of the weights, whose result becomes the student. Fields that are not given have
    /// their defaults, not the values of `[distill.ema]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema: Option<EmaSchedule>,
}

/// `[log]`: logging, checkpoints and previews. No setting here changes the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// Optimiser steps between two lines of metrics.
    pub every: u64,
    /// Optimiser steps between two saved states.
    pub checkpoint_every: u64,
    /// Optimiser steps between two preview grids; 0 turns previews off.
    pub preview_every: u64,
    /// DDIM steps of the teacher's previews; a student's previews use its own steps.
    pub preview_steps: usize,
    /// Images per preview.
    pub preview_images: usize,
    /// Images drawn at once, for previews and measurements.
    pub sample_batch: usize,
    /// Whether to write TensorBoard event files too, into `tensorboard/`.
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
