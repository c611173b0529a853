//! Training and progressive distillation of diffusion models.
//!
//! A run trains a *teacher* on images, or adapts a pretrained network. It then halves the number of
//! sampling steps round after round: each round trains a *student*, and one step of the student ends where
//! two steps of its teacher end (Salimans & Ho 2022, "Progressive distillation for fast sampling of
//! diffusion models"). [`Run`] does all of this inside one run folder; running it again continues a stopped
//! run.
//!
//! # Example: the stages of a run
//! ```
//! use halfstep_train::TrainConfig;
//!
//! let config = TrainConfig::default().resolve()?;
//! for &stage in &config.stages {
//!     println!("{stage}: {} optimiser steps", config.stage_steps(stage));
//! }
//! assert_eq!(config.stages.len(), 5); // the teacher, then students of 32, 16, 8 and 4 sampling steps
//! # Ok::<(), halfstep_train::TrainError>(())
//! ```
//!
//! # Example: one optimiser step
//! ```
//! use burn::tensor::Tensor;
//! use halfstep_core::{LossWeighting, PredictionType};
//! use halfstep_model::{DeviceBackend, Precision};
//! use halfstep_train::{
//!     FromImages, Learner, OptimizerConfig, TrainConfig, TrainingBatch, drawn_network,
//! };
//!
//! let config = TrainConfig::default().resolve()?;
//! let device = DeviceBackend::Cpu.select()?;
//! let tracked = device.device.clone().autodiff();
//! let unet = config.network([1, 8, 8], None)?; // one channel, 8x8 pixels, no classes
//! let network = drawn_network(&unet, config.seed, &tracked)?;
//! let optimizer = OptimizerConfig::default();
//! let mut learner = Learner::new(network, &optimizer, None, Precision::F32, &device)?;
//!
//! let objective = FromImages {
//!     schedule: &config.schedule,
//!     prediction_type: PredictionType::VPrediction,
//!     weighting: LossWeighting::SnrPlusOne,
//!     dropout: None,
//! };
//! let batch = TrainingBatch {
//!     x0: Tensor::zeros([2, 1, 8, 8], &tracked),
//!     eps: Tensor::ones([2, 1, 8, 8], &tracked),
//!     uniforms: vec![0.25, 0.75],
//!     labels: None,
//!     number: 0,
//! };
//! let (rate, parts) = (1e-4, 1);
//! let step = learner.learn(rate, optimizer.grad_clip, parts, |network| {
//!     Ok(objective.loss(network, &batch))
//! })?;
//! println!("loss {:.4}", step.read()?.loss);
//! assert_eq!(learner.step, 1);
//! # Ok::<(), halfstep_train::TrainError>(())
//! ```
//!
//! # Modules
//! | module | contents |
//! |---|---|
//! | `config` | [`Job`], a configuration file; [`TrainConfig`] and its sections; [`ResolvedConfig`], checked and with all defaults filled in |
//! | `batches` | [`BatchSource`] and [`Prefetch`]: images, noise and times of a training step |
//! | `objective` | [`Objective`]: the loss of a network on a batch, one file per kind of training |
//! | `learner` | [`Learner`]: one optimiser step, with [`AdamW`], [`Ema`], [`LossScale`] |
//! | `monitor` | metrics, and the detection of divergence |
//! | `stage` | the training loop of a teacher or student, its saved states, its model folder |
//! | `evaluate` | measurements, pictures and the model card of a trained model |
//! | `plan` | [`TrainingPlan`]: time and memory of a run, and what is left of it |
//! | `device_check` | [`DeviceCheck`]: a comparison of a device with the CPU |
//! | `run` | [`Run`] and [`RunFolder`]: all stages in turn |
//! | [`cli`] | the command line of `train` |
//!
//! # Invariant
//! A training step is a pure function of (weights, optimiser state, seed, stage, step). Batches, times,
//! noise, flips and dropout masks come from counter-based random streams. A resumed run therefore ends with
//! the same bits as an uninterrupted one.

mod batches;
pub mod cli;
mod config;
mod device_check;
mod error;
mod evaluate;
mod event;
mod learner;
mod monitor;
mod objective;
mod plan;
mod run;
mod stage;

pub use batches::prefetch::Prefetch;
pub use batches::{BatchSource, HostBatch, TrainingBatch};
pub use config::changed::{changed_settings, changed_sources};
pub use config::job::Job;
pub use config::resolved::ResolvedConfig;
pub use config::rounds::Round;
pub use config::shipped::{SHIPPED_CONFIGS, shipped_config};
pub use config::{
    DistillConfig, LogConfig, ModelConfig, OptimizerConfig, RoundConfig, TeacherConfig,
    TimeSampling, TrainConfig,
};
pub use device_check::DeviceCheck;
pub use device_check::short_training::drawn_network;
pub use error::TrainError;
pub use event::{Event, OnEvent};
pub use learner::clipping::{Clipping, clip_by_global_norm};
pub use learner::ema::Ema;
pub use learner::loss_scale::LossScale;
pub use learner::lr::{LrDecay, LrSchedule};
pub use learner::optimizer::{AdamMoments, AdamW};
pub use learner::packing::Packing;
pub use learner::step_gate::StepGate;
pub use learner::step_stats::{StepNumbers, StepStats};
pub use learner::{Learner, NonFinite};
pub use objective::{Adaptation, DropoutSeed, FromImages, Halving, Loss, Objective};
pub use plan::TrainingPlan;
pub use plan::left::{StageLeft, left_from_the_start, left_of};
pub use run::folder::RunFolder;
pub use run::{Run, RunEnd, RunOptions};
