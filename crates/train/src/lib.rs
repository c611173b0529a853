//! Training and progressive distillation.
//!
//! The way a run goes: [`Config`] -> [`Plan`] -> teacher -> one [`Stage`] a halving -> summary and
//! pictures. [`Run`] does all of it; everything it keeps lies in the run folder, and running it
//! again continues where it stopped.
//!
//! **Invariant.** A training step is a pure function of (weights, optimiser state, seed, stage,
//! step): batches, times, noise, flips and dropout masks come from counter-based streams. That is
//! what makes a resumed run end bit for bit where an uninterrupted one ends.

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
pub use learner::ema::Ema;
pub use learner::loss_scale::LossScale;
pub use learner::lr::{LrDecay, LrSchedule};
pub use learner::optimizer::{AdamMoments, AdamW, Clipping, clip_by_global_norm};
pub use learner::packing::Packing;
pub use learner::step_gate::StepGate;
pub use learner::step_stats::{StepNumbers, StepStats};
pub use learner::{Learner, NonFinite};
pub use objective::{Adaptation, DropoutSeed, FromImages, Halving, Loss, Objective};
pub use plan::TrainingPlan;
pub use plan::left::{StageLeft, left_from_the_start, left_of};
pub use run::folder::RunFolder;
pub use run::{Run, RunEnd, RunOptions};
