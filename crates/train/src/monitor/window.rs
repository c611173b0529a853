//! Sums over the steps since the last line of metrics.

use serde::{Deserialize, Serialize};

use crate::learner::step_stats::StepNumbers;
use crate::monitor::levels::LevelSums;

/// Sums over the steps since the last line of metrics. They are part of the saved state, so that a resumed run
/// writes the same lines as an uninterrupted one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Window {
    /// Steps that were taken.
    taken: u64,
    /// Steps that were skipped because a value was not finite.
    pub skipped: u64,
    /// Steps skipped since the last one that was taken.
    pub skipped_in_a_row: u64,
    loss: f64,
    mse: f64,
    grad_norm: f64,
    levels: LevelSums,
}

/// Means over the steps taken in a window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Means {
    pub loss: f64,
    pub mse: f64,
    pub grad_norm: f64,
    pub levels: Vec<Option<f64>>,
}

impl Window {
    /// Adds a step.
    pub fn add(&mut self, step: &StepNumbers) {
        if !step.taken {
            self.skipped += 1;
            self.skipped_in_a_row += 1;
            return;
        }
        self.skipped_in_a_row = 0;
        self.taken += 1;
        self.loss += step.loss;
        self.mse += step.mse();
        self.grad_norm += step.grad_norm;
        for &(u, error) in &step.errors {
            self.levels.add(u, error);
        }
    }

    /// The number of steps, taken or skipped.
    pub fn steps(&self) -> u64 {
        self.taken + self.skipped
    }

    /// The means; `None` if no step was taken.
    pub fn means(&self) -> Option<Means> {
        let mean = |sum: f64| sum / self.taken as f64;
        (self.taken > 0).then(|| Means {
            loss: mean(self.loss),
            mse: mean(self.mse),
            grad_norm: mean(self.grad_norm),
            levels: self.levels.means(),
        })
    }

    /// Starts the next window.
    pub fn clear(&mut self) {
        *self = Self { skipped_in_a_row: self.skipped_in_a_row, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(loss: f64, taken: bool) -> StepNumbers {
        StepNumbers { loss, grad_norm: 2.0 * loss, taken, errors: vec![(0.1, loss), (0.9, 3.0)] }
    }

    #[test]
    fn skipped_steps_are_counted_and_left_out_of_the_means() {
        let mut window = Window::default();
        for (loss, taken) in [(1.0, true), (f64::NAN, false), (3.0, true), (f64::NAN, false)] {
            window.add(&step(loss, taken));
        }
        assert_eq!((window.steps(), window.skipped, window.skipped_in_a_row), (4, 2, 1));
        let means = window.means().unwrap();
        assert_eq!((means.loss, means.grad_norm, means.mse), (2.0, 4.0, 2.5));
        assert_eq!((means.levels[0], means.levels[7]), (Some(2.0), Some(3.0)));
        window.clear();
        assert_eq!((window.means(), window.skipped, window.skipped_in_a_row), (None, 0, 1));
    }
}
