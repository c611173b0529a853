//! The rounds of distillation, and the settings of each.

use std::collections::BTreeMap;

use halfstep_core::EmaSchedule;
use halfstep_run::halvings;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::config::validate::validate_ema;
use crate::config::{DistillConfig, RoundConfig, TrainConfig};
use crate::error::TrainError;

impl TrainConfig {
    /// The sampling steps of each student, in the order of the rounds: `teacher_steps / 2`,
    /// `teacher_steps / 4`, and so on down to `student_steps`.
    pub fn rounds(&self) -> Vec<usize> {
        let least = self.distill.student_steps.max(1);
        halvings(self.distill.teacher_steps).take_while(|&steps| steps >= least).collect()
    }

    /// The settings of the round to `num_steps` sampling steps: those of its table in `distill.rounds`, else
    /// those of `[distill]`.
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
            ema: own.ema.or(distill.ema),
        }
    }

    /// Checks that the rounds use times of the teacher's grid, and that each can be trained.
    pub(crate) fn validate_rounds(&self, train_timesteps: usize) -> Result<(), TrainError> {
        let DistillConfig { teacher_steps, student_steps, .. } = self.distill;
        if !train_timesteps.is_multiple_of(teacher_steps) {
            let problem = format!(
                "is {teacher_steps}, which does not divide schedule.train_timesteps = {train_timesteps}: its grid \
                 would use times that the teacher was not trained at"
            );
            return Err(TrainError::config("distill.teacher_steps", problem));
        }
        if student_steps != teacher_steps
            && !halvings(self.distill.teacher_steps).any(|steps| steps == student_steps)
        {
            let problem = format!(
                "is {student_steps}, which repeated halving of distill.teacher_steps = {teacher_steps} does not reach"
            );
            return Err(TrainError::config("distill.student_steps", problem));
        }
        self.distill
            .rounds
            .iter()
            .try_for_each(|(&num_steps, own)| self.validate_table(num_steps, own))?;
        self.rounds().into_iter().try_for_each(|num_steps| self.validate_warmup(num_steps))
    }

    /// Checks a table of `distill.rounds`. The round need not be one that `student_steps` lets run.
    fn validate_table(&self, num_steps: usize, own: &RoundConfig) -> Result<(), TrainError> {
        let table = format!("distill.rounds.{num_steps}");
        if !halvings(self.distill.teacher_steps).any(|steps| steps == num_steps) {
            let problem = format!(
                "names a round that does not exist: halving {} does not reach {num_steps}; remove the table \
                 (distill.rounds = {{}} removes all of them)",
                self.distill.teacher_steps
            );
            return Err(TrainError::config(table, problem));
        }
        if own.train_steps == Some(0) {
            let problem = "is 0; at least 1 is needed";
            return Err(TrainError::config(format!("{table}.train_steps"), problem));
        }
        own.ema.iter().try_for_each(|ema| validate_ema(&format!("{table}.ema"), ema))?;
        match own.learning_rate.filter(|&rate| !(rate > 0.0 && rate.is_finite())) {
            None => Ok(()),
            Some(rate) => {
                let problem = format!("is {rate}; it must be positive and finite");
                Err(TrainError::config(format!("{table}.learning_rate"), problem))
            }
        }
    }

    fn validate_warmup(&self, num_steps: usize) -> Result<(), TrainError> {
        let Round { train_steps, warmup_steps, .. } = self.round(num_steps);
        if warmup_steps < train_steps {
            return Ok(());
        }
        let problem = format!(
            "is {warmup_steps}, but the round to {num_steps} steps trains for only {train_steps} steps, so the \
             learning rate would never decay; use a smaller warm-up"
        );
        let own = format!("distill.rounds.{num_steps}.warmup_steps");
        match self.distill.rounds.get(&num_steps).and_then(|own| own.warmup_steps) {
            Some(_) => Err(TrainError::config(own, problem)),
            None => {
                let problem = format!("{problem}, or set {own} for that round alone");
                Err(TrainError::config("distill.warmup_steps", problem))
            }
        }
    }
}

/// Reads the tables `[distill.rounds.N]`. N must be written without leading zeros: of the tables `4` and `04`
/// one would be lost.
pub(crate) fn read_tables<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<BTreeMap<usize, RoundConfig>, D::Error> {
    let tables = BTreeMap::<String, toml::Value>::deserialize(from)?;
    let wrong = |name: &str| {
        D::Error::custom(format!(
            "`rounds.{name}`: a table named by the steps of a student is expected, such as [distill.rounds.4]"
        ))
    };
    let read = |(name, table): (String, toml::Value)| match name.parse::<usize>() {
        Ok(steps) if steps.to_string() == name && table.is_table() => {
            let config = table.try_into::<RoundConfig>().map_err(D::Error::custom)?;
            Ok((steps, config))
        }
        _ => Err(wrong(&name)),
    };
    tables.into_iter().map(read).collect()
}

/// The settings in which rounds may differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Round {
    /// Optimiser steps.
    pub train_steps: u64,
    /// Peak learning rate; the rate falls linearly to 0 at the end of the round.
    pub learning_rate: f64,
    /// Steps over which the rate rises linearly from 0.
    pub warmup_steps: u64,
    /// The moving average of the weights, whose result becomes the student; `None`: the last weights do.
    pub ema: Option<EmaSchedule>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::job::{Job, digits, digits_job};

    #[test]
    fn a_table_overrides_only_its_own_settings() {
        let job = digits_job(&[
            "distill.student_steps=1",
            "distill.train_steps=100",
            "distill.learning_rate=1e-4",
            "distill.rounds.4.train_steps=300",
            "distill.rounds.4.learning_rate=3e-4",
            "distill.rounds.2.warmup_steps=7",
            "distill.rounds.1.train_steps=9",
            "distill.ema.decay=0.9",
            "distill.rounds.2.ema.decay=0.8",
        ])
        .unwrap();
        let config = &job.config;
        let round = |train_steps, learning_rate, warmup_steps, decay| Round {
            train_steps,
            learning_rate,
            warmup_steps,
            ema: Some(EmaSchedule::new(decay)),
        };
        assert_eq!(config.round(8), round(100, 1e-4, 0, 0.9));
        assert_eq!(config.round(4), round(300, 3e-4, 0, 0.9));
        assert_eq!(config.round(2), round(200, 1e-4, 7, 0.8)); // twice the steps, as without a table
        assert_eq!(config.round(1), round(9, 1e-4, 0, 0.9));
        let written = toml::to_string(&job.file()).unwrap();
        let read = Job::parse("resolved", &written, &[]).unwrap();
        assert_eq!(read.config.settings, config.settings);
    }

    #[test]
    fn a_table_of_a_round_that_is_not_run_is_accepted() {
        digits(&["distill.student_steps=8", "distill.rounds.4.train_steps=300"]).unwrap();
    }

    #[test]
    fn an_impossible_table_is_refused() {
        for (setting, words) in [
            (
                "distill.rounds.5.train_steps=9",
                "`distill.rounds.5` names a round that does not exist",
            ),
            ("distill.rounds.64.train_steps=9", "halving 64 does not reach 64"),
            ("distill.rounds.4.train_steps=0", "`distill.rounds.4.train_steps` is 0;"),
            ("distill.rounds.4.learning_rate=-1.0", "`distill.rounds.4.learning_rate` is -1;"),
            ("distill.rounds.4.ema.decay=2.0", "`distill.rounds.4.ema.decay` is 2;"),
            ("distill.rounds.4.learning_rate=inf", "is inf; it must be positive and finite"),
            ("distill.rounds.2.learning_rate=nan", "`distill.rounds.2.learning_rate` is NaN;"), // not run
            (
                "distill.rounds.4.warmup_steps=999",
                "`distill.rounds.4.warmup_steps` is 999, but the round to 4",
            ),
            ("distill.warmup_steps=999", "or set distill.rounds.32.warmup_steps"),
            ("distill.rounds.four.train_steps=9", "`rounds.four`: a table named by"),
            ("distill.rounds.04.train_steps=9", "`rounds.04`: a table named by"),
            ("distill.rounds.train_steps=9", "`rounds.train_steps`: a table named by"),
            ("distill.rounds.4.lr=1e-3", "unknown field `lr`, expected one of `train_steps`"),
        ] {
            let message = digits(&[setting]).expect_err(setting).to_string();
            assert!(message.contains(words), "{setting}: {message}");
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
        of(4, 51, 50).unwrap(); // no round to 2 or 1 steps
        for (student, train, last) in [(2, 50, 100), (2, 100, 50), (4, 50, 100)] {
            let message = of(student, train, last).unwrap_err().to_string();
            assert!(message.contains("distill.warmup_steps"), "{message}");
            assert!(message.contains("trains for only 50 steps"), "{message}");
        }
    }
}
