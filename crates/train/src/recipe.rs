//! What differs between the teacher's stage and a round.

use halfstep_core::EmaSchedule;

use crate::config::{Config, OptimizerConfig, TimeSampling};
use crate::learner::NonFinite;
use crate::lr::{LrDecay, LrSchedule};
use crate::stage::Stage;

/// How a stage learns.
pub(crate) struct Recipe<'a> {
    pub steps: u64,
    pub batch_size: usize,
    pub parts: usize,
    pub lr: LrSchedule,
    pub optimizer: &'a OptimizerConfig,
    pub ema: Option<EmaSchedule>,
    pub time_sampling: TimeSampling,
    pub preview_steps: usize,
    pub non_finite: NonFinite,
}

impl<'a> Recipe<'a> {
    /// As the configuration says.
    pub fn new(config: &'a Config, stage: Stage) -> Self {
        let (teacher, distill) = (&config.teacher, &config.distill);
        match stage {
            Stage::Teacher => Self {
                steps: teacher.train_steps,
                batch_size: teacher.batch_size,
                parts: teacher.accumulate,
                lr: LrSchedule {
                    peak: teacher.learning_rate,
                    warmup_steps: teacher.warmup_steps,
                    total_steps: teacher.train_steps,
                    decay: teacher.lr_decay,
                },
                optimizer: &teacher.optimizer,
                ema: Some(teacher.ema),
                time_sampling: teacher.time_sampling,
                preview_steps: config.log.preview_steps,
                non_finite: config.non_finite,
            },
            Stage::Round { num_steps, .. } => {
                let steps = config.round_train_steps(num_steps);
                Self {
                    steps,
                    batch_size: distill.batch_size,
                    parts: distill.accumulate,
                    lr: LrSchedule {
                        peak: distill.learning_rate,
                        warmup_steps: 0,
                        total_steps: steps,
                        decay: LrDecay::Linear,
                    },
                    optimizer: &distill.optimizer,
                    ema: None,
                    time_sampling: teacher.time_sampling,
                    preview_steps: num_steps,
                    non_finite: config.non_finite,
                }
            }
        }
    }
}
