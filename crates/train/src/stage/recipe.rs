//! The settings of a stage, which differ between the teacher and the rounds.

use halfstep_core::EmaSchedule;
use halfstep_run::Stage;

use crate::config::{OptimizerConfig, TimeSampling, TrainConfig};
use crate::learner::NonFinite;
use crate::learner::lr::{LrDecay, LrSchedule};

/// The training settings of a stage.
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
    /// The recipe of a stage.
    pub fn new(config: &'a TrainConfig, stage: Stage) -> Self {
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
                let round = config.round(num_steps);
                Self {
                    steps: round.train_steps,
                    batch_size: distill.batch_size,
                    parts: distill.accumulate,
                    lr: LrSchedule {
                        peak: round.learning_rate,
                        warmup_steps: round.warmup_steps,
                        total_steps: round.train_steps,
                        decay: LrDecay::Linear,
                    },
                    optimizer: &distill.optimizer,
                    ema: round.ema,
                    time_sampling: teacher.time_sampling,
                    preview_steps: num_steps,
                    non_finite: config.non_finite,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::job::digits;

    #[test]
    fn every_round_warms_up_and_falls_to_zero() {
        let config = digits(&["distill.warmup_steps=50", "distill.learning_rate=1e-3"]).unwrap();
        let rounds: Vec<Stage> = config.stages.iter().skip(1).copied().collect();
        assert_eq!(rounds.len(), 4);
        for stage in rounds {
            let recipe = Recipe::new(&config, stage);
            assert_eq!(recipe.lr.at(0), 1e-3 / 50.0);
            assert_eq!(recipe.lr.at(50), 1e-3);
            assert_eq!(recipe.lr.at(recipe.steps), 0.0);
        }
    }

    #[test]
    fn a_round_has_a_moving_average_only_if_it_is_set() {
        let ema = |overrides: &[&str]| {
            let config = digits(overrides).unwrap();
            Recipe::new(&config, *config.stages.last().unwrap()).ema
        };
        assert_eq!(ema(&[]), None);
        assert_eq!(ema(&["distill.ema.decay=0.99"]), Some(EmaSchedule::new(0.99)));
    }

    #[test]
    fn a_round_uses_the_settings_of_its_table() {
        let config = digits(&[
            "distill.rounds.4.train_steps=77",
            "distill.rounds.4.learning_rate=2e-3",
            "distill.rounds.4.warmup_steps=20",
        ])
        .unwrap();
        let last = Recipe::new(&config, *config.stages.last().unwrap());
        assert_eq!(last.steps, 77);
        assert_eq!((last.lr.at(0), last.lr.at(20), last.lr.at(77)), (1e-4, 2e-3, 0.0));
        let first = Recipe::new(&config, config.stages[1]);
        assert_eq!((first.steps, first.lr.peak), (400, config.distill.learning_rate));
    }
}
