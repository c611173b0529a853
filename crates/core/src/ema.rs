//! The decay of the weights' moving average.

use serde::{Deserialize, Serialize};

/// `ema <- d ema + (1 - d) weights` with `d` growing over the first steps, as diffusers'
/// `EMAModel.get_decay`.
///
/// The first average is a copy (d = 0); later `d` ramps towards `decay`, so that the random initial
/// weights are forgotten.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct EmaSchedule {
    /// The decay reached in the end, in `[0, 1]`.
    pub decay: f64,
    /// The least decay once averaging has begun, in `[0, decay]`.
    pub min_decay: f64,
    /// Up to and including this step the average is a plain copy.
    pub update_after_step: u64,
    /// The shape of the ramp.
    pub warmup: EmaWarmup,
}

/// The decay after n averaged steps, before the bounds of [`EmaSchedule`].
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum EmaWarmup {
    /// `(1 + n) / (10 + n)`.
    Ratio,
    /// `1 - (1 + n / inv_gamma)^-power` (diffusers' `use_ema_warmup`).
    Power {
        /// Steps in which the ramp begins to rise, positive.
        inv_gamma: f64,
        /// How fast it rises: 2/3 for a million steps and more, 3/4 for fewer.
        power: f64,
    },
}

impl Default for EmaSchedule {
    /// 0.9999 with the `Ratio` ramp from the first step.
    fn default() -> Self {
        Self { decay: 0.9999, min_decay: 0.0, update_after_step: 0, warmup: EmaWarmup::Ratio }
    }
}

impl EmaSchedule {
    /// The given final decay with the default ramp.
    pub fn new(decay: f64) -> Self {
        Self { decay, ..Self::default() }
    }

    /// The decay of the update after optimiser step `step` (the first is 1).
    pub fn decay_at(&self, step: u64) -> f64 {
        let averaged = step.saturating_sub(self.update_after_step).saturating_sub(1);
        if averaged == 0 {
            return 0.0;
        }
        let n = averaged as f64;
        let ramp = match self.warmup {
            EmaWarmup::Ratio => (1.0 + n) / (10.0 + n),
            EmaWarmup::Power { inv_gamma, power } => 1.0 - (1.0 + n / inv_gamma).powf(-power),
        };
        ramp.min(self.decay).max(self.min_decay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_as_a_copy_and_ends_at_decay() {
        let schedule = EmaSchedule::new(0.999);
        assert_eq!(schedule.decay_at(0), 0.0);
        assert_eq!(schedule.decay_at(1), 0.0);
        assert_eq!(schedule.decay_at(2), 2.0 / 11.0);
        assert_eq!(schedule.decay_at(u64::MAX), 0.999);
    }

    #[test]
    fn min_decay_holds_once_averaging_has_begun() {
        let schedule =
            EmaSchedule { min_decay: 0.5, update_after_step: 10, ..EmaSchedule::default() };
        assert_eq!(schedule.decay_at(11), 0.0);
        assert_eq!(schedule.decay_at(12), 0.5);
    }

    #[test]
    fn configuration_round_trips_and_refuses_unknown_keys() {
        for warmup in [EmaWarmup::Ratio, EmaWarmup::Power { inv_gamma: 1.0, power: 0.75 }] {
            let schedule = EmaSchedule { warmup, ..EmaSchedule::new(0.99) };
            let text = serde_json::to_string(&schedule).unwrap();
            assert_eq!(serde_json::from_str::<EmaSchedule>(&text).unwrap(), schedule);
        }
        assert_eq!(serde_json::from_str::<EmaSchedule>("{}").unwrap(), EmaSchedule::default());
        for text in [
            r#"{ "decays": 0.9 }"#,
            r#"{ "warmup": "linear" }"#,
            r#"{ "warmup": { "power": { "inv_gamma": 1.0, "power": 0.75, "x": 1 } } }"#,
        ] {
            assert!(serde_json::from_str::<EmaSchedule>(text).is_err(), "{text}");
        }
    }
}
