//! Training and progressive distillation.
//!
//! The way a run goes: [`Config`] -> [`Plan`] -> teacher -> one [`Stage`] a halving -> summary and
//! pictures. [`Run`] does all of it; everything it keeps lies in the run folder, and running it
//! again continues where it stopped.
//!
//! **Invariant.** A training step is a pure function of (weights, optimiser state, seed, stage,
//! step): batches, times, noise, flips and dropout masks come from counter-based streams. That is
//! what makes a resumed run end bit for bit where an uninterrupted one ends.

mod adaptation;
mod agreement;
mod batches;
mod card;
mod changed_settings;
mod config;
mod config_file;
mod copies;
mod device_check;
mod ema;
mod error;
mod estimate;
mod evaluate;
mod learn_stage;
mod learner;
mod left;
mod levels;
mod loss_scale;
mod lr;
mod measure;
mod memory;
mod metrics;
mod network;
mod objective;
mod optimizer;
mod original;
mod packing;
mod plan;
mod prefetch;
mod preview;
mod progress;
mod recipe;
mod resolve;
mod rounds;
mod run;
mod run_folder;
mod run_info;
mod saved_states;
mod stage;
mod stage_ends;
mod state;
mod step_stats;
mod summary;
mod trial;
mod validate;
mod validate_memory;
mod verdict;
mod watch;
mod whole_numbers;
mod window;

pub use agreement::{Agreement, AgreementOptions};
pub use batches::{BatchSource, HostBatch, TrainingBatch};
pub use changed_settings::{changed_settings, changed_sources};
pub use config::{
    Config, DistillConfig, LogConfig, ModelConfig, OptimizerConfig, RoundConfig, TeacherConfig,
    TimeSampling,
};
pub use config_file::{load_config, parse_config};
pub use device_check::DeviceCheck;
pub use ema::Ema;
pub use error::TrainError;
pub use halfstep_report::write_report;
pub use halfstep_run::{RoundResult, Stage, Summary, Sweep, SweepMeasure, SweepRow};
pub use halfstep_sample::StopFlag;
pub use learner::{Learner, NonFinite};
pub use left::{StageLeft, left_from_the_start, left_of};
pub use loss_scale::LossScale;
pub use lr::{LrDecay, LrSchedule};
pub use objective::{DistillationRound, Loss, distillation_loss, teacher_loss};
pub use optimizer::{AdamW, Clipping, Moments, clip_by_global_norm};
pub use packing::Packing;
pub use plan::Plan;
pub use prefetch::Prefetch;
pub use rounds::Round;
pub use run::{Outcome, Run, RunOptions};
pub use run_folder::RunFolder;
pub use step_stats::{StepNumbers, StepStats};
pub use trial::drawn_network;
pub use verdict::Verdict;
