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
mod config;
mod copies;
mod device_check;
mod error;
mod evaluate;
mod learner;
mod monitor;
mod objective;
mod plan;
mod progress;
mod run;
mod run_folder;
mod run_info;
mod stage_train;

pub use batches::prefetch::Prefetch;
pub use batches::{BatchSource, HostBatch, TrainingBatch};
pub use config::changed::{changed_settings, changed_sources};
pub use config::file::{load_config, parse_config};
pub use config::rounds::Round;
pub use config::{
    Config, DistillConfig, LogConfig, ModelConfig, OptimizerConfig, RoundConfig, TeacherConfig,
    TimeSampling,
};
pub use device_check::DeviceCheck;
pub use device_check::short_training::drawn_network;
pub use error::TrainError;
pub use evaluate::agreement::{Agreement, AgreementOptions};
pub use halfstep_report::write_report;
pub use halfstep_run::{RoundResult, Stage, Summary, Sweep, SweepMeasure, SweepRow};
pub use halfstep_sample::StopFlag;
pub use learner::ema::Ema;
pub use learner::loss_scale::LossScale;
pub use learner::lr::{LrDecay, LrSchedule};
pub use learner::optimizer::{AdamW, Clipping, Moments, clip_by_global_norm};
pub use learner::packing::Packing;
pub use learner::step_gate::Verdict;
pub use learner::step_stats::{StepNumbers, StepStats};
pub use learner::{Learner, NonFinite};
pub use objective::{DistillationRound, Loss, distillation_loss, teacher_loss};
pub use plan::Plan;
pub use plan::left::{StageLeft, left_from_the_start, left_of};
pub use run::{Outcome, Run, RunOptions};
pub use run_folder::RunFolder;
