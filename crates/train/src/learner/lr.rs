//! The learning rate over a stage.

use serde::{Deserialize, Serialize};

/// How the learning rate falls after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LrDecay {
    /// It stays at its peak.
    #[default]
    Constant,
    /// Linearly to 0 at the end of the stage.
    Linear,
    /// Along half a cosine to 0 at the end of the stage.
    Cosine,
}

/// The learning rate at every step of a stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LrSchedule {
    /// The rate after the warm-up, which is the highest.
    pub peak: f64,
    /// Steps of the linear warm-up.
    pub warmup_steps: u64,
    /// Steps of the stage.
    pub total_steps: u64,
    /// How the rate falls after the warm-up.
    pub decay: LrDecay,
}

impl LrSchedule {
    /// The rate of `step`, counted from 0. It is positive until the stage ends.
    pub fn at(&self, step: u64) -> f64 {
        if step < self.warmup_steps {
            return self.peak * (step + 1) as f64 / self.warmup_steps as f64;
        }
        let span = self.total_steps.saturating_sub(self.warmup_steps).max(1);
        let done = (step - self.warmup_steps) as f64 / span as f64;
        match self.decay {
            LrDecay::Constant => self.peak,
            LrDecay::Linear => self.peak * (1.0 - done).max(0.0),
            LrDecay::Cosine => {
                self.peak * 0.5 * (1.0 + (std::f64::consts::PI * done.min(1.0)).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(decay: LrDecay) -> LrSchedule {
        LrSchedule { peak: 1.0, warmup_steps: 4, total_steps: 12, decay }
    }

    #[test]
    fn warm_up_reaches_the_peak_at_its_last_step() {
        let rates: Vec<f64> = (0..5).map(|step| schedule(LrDecay::Constant).at(step)).collect();
        assert_eq!(rates, [0.25, 0.5, 0.75, 1.0, 1.0]);
    }

    #[test]
    fn linear_ends_one_step_above_zero() {
        let linear = schedule(LrDecay::Linear);
        assert_eq!(
            (linear.at(4), linear.at(8), linear.at(11), linear.at(12)),
            (1.0, 0.5, 0.125, 0.0)
        );
    }

    #[test]
    fn cosine_is_half_way_in_the_middle() {
        let cosine = schedule(LrDecay::Cosine);
        assert!((cosine.at(8) - 0.5).abs() < 1e-15 && cosine.at(12).abs() < 1e-15);
    }
}
