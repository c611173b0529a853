//! The rounds of distillation: which there are, and what each has of its own.

use crate::config::{Config, DistillConfig};
use crate::error::TrainError;

impl Config {
    /// Steps of each student, in the order of the rounds: half of the teacher's first.
    pub fn rounds(&self) -> Vec<usize> {
        let least = self.distill.student_steps.max(1);
        self.halvings().take_while(|&steps| steps >= least).collect()
    }

    /// How the round that makes a student of `num_steps` learns: as its table in `distill.rounds` says,
    /// otherwise as `[distill]` does.
    pub fn round(&self, num_steps: usize) -> Round {
        let distill = &self.distill;
        let own = distill.rounds.get(&num_steps).copied().unwrap_or_default();
        let usual = match num_steps {
            1 | 2 => distill.last_train_steps.unwrap_or(distill.train_steps.saturating_mul(2)),
            _ => distill.train_steps,
        };
        Round {
            train_steps: own.train_steps.unwrap_or(usual),
            learning_rate: own.learning_rate.unwrap_or(distill.learning_rate),
            warmup_steps: own.warmup_steps.unwrap_or(distill.warmup_steps),
        }
    }

    /// Steps that whole halvings of the teacher's reach, the most first.
    fn halvings(&self) -> impl Iterator<Item = usize> {
        let half = |steps: usize| steps.is_multiple_of(2).then_some(steps / 2);
        std::iter::successors(half(self.distill.teacher_steps), move |&steps| half(steps))
    }

    /// Checks that the rounds lie on the teacher's grid, and that each can be learned.
    pub(crate) fn validate_rounds(&self, train_timesteps: usize) -> Result<(), TrainError> {
        let DistillConfig { teacher_steps, student_steps, .. } = self.distill;
        if !train_timesteps.is_multiple_of(teacher_steps) {
            let problem = format!(
                "is {teacher_steps}, which does not divide schedule.train_timesteps = {train_timesteps}: its grid \
                 would not lie on the times the teacher learned"
            );
            return Err(TrainError::config("distill.teacher_steps", problem));
        }
        if student_steps != teacher_steps && !self.halvings().any(|steps| steps == student_steps) {
            let problem =
                format!("is {student_steps}, which halving {teacher_steps} does not reach");
            return Err(TrainError::config("distill.student_steps", problem));
        }
        // A round that is not run may have a table: student_steps alone says how far it goes.
        if let Some(steps) =
            self.distill.rounds.keys().find(|&&steps| self.halvings().all(|there| there != steps))
        {
            let there: Vec<String> = self.halvings().map(|steps| steps.to_string()).collect();
            let problem = format!(
                "has a table for {steps} steps, which no round makes; halving {teacher_steps} makes {}",
                there.join(", ")
            );
            return Err(TrainError::config("distill.rounds", problem));
        }
        self.rounds().into_iter().try_for_each(|num_steps| self.validate_round(num_steps))
    }

    fn validate_round(&self, num_steps: usize) -> Result<(), TrainError> {
        let Round { train_steps, learning_rate, warmup_steps } = self.round(num_steps);
        let wrong = |problem: String| {
            let problem = format!("the round to {num_steps} steps: {problem}");
            Err(TrainError::config("distill.rounds", problem))
        };
        if train_steps == 0 {
            return wrong("train_steps is 0; at least 1 is needed".to_owned());
        }
        if !(learning_rate > 0.0 && learning_rate.is_finite()) {
            return wrong(format!("learning_rate is {learning_rate}; it must be positive"));
        }
        if warmup_steps < train_steps {
            return Ok(());
        }
        let problem = format!(
            "is {warmup_steps}, but the round to {num_steps} steps has train_steps = {train_steps}: the rate would \
             never fall; set it below that"
        );
        Err(TrainError::config("distill.warmup_steps", problem))
    }
}

/// How a round learns, where rounds may differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Round {
    /// Optimiser steps.
    pub train_steps: u64,
    /// Peak learning rate; it falls linearly to 0 within the round.
    pub learning_rate: f64,
    /// Steps over which the rate rises linearly from 0.
    pub warmup_steps: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_config;

    fn digits(settings: &[&str]) -> Result<Config, TrainError> {
        let settings: Vec<String> = settings.iter().map(ToString::to_string).collect();
        parse_config("digits.toml", include_str!("../../../configs/digits.toml"), &settings)
    }

    #[test]
    fn a_round_has_its_table_and_for_the_rest_what_all_have() {
        let config = digits(&[
            "distill.student_steps=1",
            "distill.train_steps=100",
            "distill.learning_rate=1e-4",
            "distill.rounds.4.train_steps=300",
            "distill.rounds.4.learning_rate=3e-4",
            "distill.rounds.2.warmup_steps=7",
            "distill.rounds.1.train_steps=9",
        ])
        .unwrap();
        let round = |train_steps, learning_rate, warmup_steps| Round {
            train_steps,
            learning_rate,
            warmup_steps,
        };
        assert_eq!(config.round(8), round(100, 1e-4, 0));
        assert_eq!(config.round(4), round(300, 3e-4, 0));
        assert_eq!(config.round(2), round(200, 1e-4, 7)); // twice, as without a table
        assert_eq!(config.round(1), round(9, 1e-4, 0));
        let written = toml::to_string(&config).unwrap();
        assert_eq!(parse_config("resolved", &written, &[]).unwrap(), config);
    }

    #[test]
    fn a_table_of_a_round_that_is_not_run_is_accepted() {
        digits(&["distill.student_steps=8", "distill.rounds.4.train_steps=300"]).unwrap();
    }

    #[test]
    fn a_table_that_cannot_be_is_refused() {
        for (setting, needles) in [
            ("distill.rounds.5.train_steps=9", ["distill.rounds", "5 steps, which no round makes"]),
            ("distill.rounds.64.train_steps=9", ["distill.rounds", "makes 32, 16, 8, 4, 2, 1"]),
            ("distill.rounds.4.train_steps=0", ["distill.rounds", "to 4 steps: train_steps is 0"]),
            ("distill.rounds.4.learning_rate=-1.0", ["distill.rounds", "learning_rate is -1"]),
            ("distill.rounds.4.learning_rate=nan", ["distill.rounds", "learning_rate is NaN"]),
            ("distill.rounds.4.warmup_steps=9999", ["distill.warmup_steps", "round to 4 steps"]),
            ("distill.rounds.four.train_steps=9", ["distill.rounds", "invalid digit"]),
            ("distill.rounds.4.lr=1e-3", ["unknown field `lr`", "learning_rate"]),
        ] {
            let message = digits(&[setting]).expect_err(setting).to_string();
            for needle in needles {
                assert!(message.contains(needle), "{setting}: {message}");
            }
        }
    }

    #[test]
    fn a_warm_up_that_fills_a_round_is_refused() {
        let of = |student: usize, train: u64, last: u64| {
            digits(&[
                &format!("distill.student_steps={student}"),
                "distill.warmup_steps=50",
                &format!("distill.train_steps={train}"),
                &format!("distill.last_train_steps={last}"),
            ])
        };
        of(2, 51, 51).unwrap();
        of(4, 51, 50).unwrap(); // there is no last round
        for (student, train, last) in [(2, 50, 100), (2, 100, 50), (4, 50, 100)] {
            let message = of(student, train, last).unwrap_err().to_string();
            assert!(message.contains("distill.warmup_steps"), "{message}");
            assert!(message.contains("train_steps = 50"), "{message}");
        }
    }
}
