//! A schedule in a configuration.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{CosineSchedule, DdpmContinuousSchedule, DiscreteSchedule, NoiseSchedule};
use super::{ScheduleError, SigmoidSchedule};
use crate::NoiseLevel;

/// The known schedules; the first three are spelled as in diffusers.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleName {
    /// [`DiscreteSchedule::linear`].
    Linear,
    /// [`DiscreteSchedule::scaled_linear`].
    ScaledLinear,
    /// [`DiscreteSchedule::squaredcos_cap_v2`].
    SquaredcosCapV2,
    /// [`SigmoidSchedule`], on alpha_bar.
    Sigmoid,
    /// [`CosineSchedule`].
    Cosine,
    /// [`DdpmContinuousSchedule`].
    DdpmContinuous,
}

impl ScheduleName {
    /// The spelling in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::ScaledLinear => "scaled_linear",
            Self::SquaredcosCapV2 => "squaredcos_cap_v2",
            Self::Sigmoid => "sigmoid",
            Self::Cosine => "cosine",
            Self::DdpmContinuous => "ddpm_continuous",
        }
    }
}

impl fmt::Display for ScheduleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A schedule by name, with the options of that name; unknown keys and options of another schedule
/// are refused.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// The schedule.
    pub name: ScheduleName,
    /// Number of levels T, at least 1. A power of two makes every halving of distillation exact.
    #[serde(default = "default_train_timesteps")]
    pub train_timesteps: usize,
    /// Whether the last level is pure noise. The beta schedules and `ddpm_continuous` are rescaled to it
    /// (arXiv:2305.08891). `cosine` and `sigmoid` reach it by themselves; when this is false they stop short of it
    /// (log_snr -20, alpha_bar 1e-9).
    #[serde(default)]
    pub zero_terminal_snr: bool,
    /// First beta of `linear` (default 1e-4) and `scaled_linear` (default 0.00085), in (0, 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta_start: Option<f64>,
    /// Last beta of `linear` (default 0.02) and `scaled_linear` (default 0.012), in (0, 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta_end: Option<f64>,
    /// `sigmoid`: left end of the stretch in use (default -3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<f64>,
    /// `sigmoid`: right end of the stretch in use (default 3), above `start`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<f64>,
    /// `sigmoid`: temperature (default 1), positive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tau: Option<f64>,
}

fn default_train_timesteps() -> usize {
    1024
}

/// Floor on alpha_bar that keeps the sigmoid schedule from 0 (`clip_min`, arXiv:2301.10972).
const SIGMOID_ALPHA_BAR_MIN: f64 = 1e-9;

impl ScheduleConfig {
    /// The named schedule with every option at its default: T = 1024, not rescaled.
    pub fn new(name: ScheduleName) -> Self {
        Self {
            name,
            train_timesteps: default_train_timesteps(),
            zero_terminal_snr: false,
            beta_start: None,
            beta_end: None,
            start: None,
            end: None,
            tau: None,
        }
    }

    /// The schedule itself.
    ///
    /// # Errors
    ///
    /// [`ScheduleError`], naming the field: an option of another schedule, a value out of range,
    /// too few or too many levels.
    pub fn build(&self) -> Result<DiscreteSchedule, ScheduleError> {
        self.refuse_foreign_options()?;
        let t = self.train_timesteps;
        let rescaled = |schedule: DiscreteSchedule| match self.zero_terminal_snr {
            true => schedule.rescale_zero_terminal_snr(),
            false => Ok(schedule),
        };
        match self.name {
            ScheduleName::Linear => {
                let (start, end) = self.beta_range(1e-4, 0.02)?;
                rescaled(DiscreteSchedule::linear(t, start, end)?)
            }
            ScheduleName::ScaledLinear => {
                let (start, end) = self.beta_range(0.00085, 0.012)?;
                rescaled(DiscreteSchedule::scaled_linear(t, start, end)?)
            }
            ScheduleName::SquaredcosCapV2 => rescaled(DiscreteSchedule::squaredcos_cap_v2(t)?),
            ScheduleName::DdpmContinuous => {
                rescaled(DiscreteSchedule::from_continuous(&DdpmContinuousSchedule, t)?)
            }
            ScheduleName::Cosine => {
                let end = NoiseLevel::from_log_snr(-CosineSchedule::default().log_snr_max);
                self.discretise(CosineSchedule::unclipped(), end)
            }
            ScheduleName::Sigmoid => {
                let end = NoiseLevel::from_alpha_bar(SIGMOID_ALPHA_BAR_MIN);
                self.discretise(self.sigmoid()?, end)
            }
        }
    }

    /// A schedule that ends in pure noise, or at `end` without zero terminal SNR.
    fn discretise<S: NoiseSchedule>(
        &self,
        schedule: S,
        end: NoiseLevel,
    ) -> Result<DiscreteSchedule, ScheduleError> {
        let end = match self.zero_terminal_snr {
            true => NoiseLevel::PURE_NOISE,
            false => end,
        };
        DiscreteSchedule::from_continuous(&Held { schedule, end }, self.train_timesteps)
    }

    fn refuse_foreign_options(&self) -> Result<(), ScheduleError> {
        let name = self.name;
        let has_betas = matches!(name, ScheduleName::Linear | ScheduleName::ScaledLinear);
        let is_sigmoid = name == ScheduleName::Sigmoid;
        for (field, value, belongs) in [
            ("beta_start", self.beta_start, has_betas),
            ("beta_end", self.beta_end, has_betas),
            ("start", self.start, is_sigmoid),
            ("end", self.end, is_sigmoid),
            ("tau", self.tau, is_sigmoid),
        ] {
            if value.is_some() && !belongs {
                return Err(ScheduleError::ForeignOption { field, name });
            }
        }
        Ok(())
    }

    fn beta_range(&self, start: f64, end: f64) -> Result<(f64, f64), ScheduleError> {
        let start = self.beta_start.unwrap_or(start);
        let end = self.beta_end.unwrap_or(end);
        for (field, value) in [("beta_start", start), ("beta_end", end)] {
            let in_range = value > 0.0 && value < 1.0;
            check(field, value, in_range, "must be between 0 and 1, both excluded")?;
        }
        Ok((start, end))
    }

    fn sigmoid(&self) -> Result<SigmoidSchedule, ScheduleError> {
        let usual = SigmoidSchedule::default();
        let start = self.start.unwrap_or(usual.start);
        let end = self.end.unwrap_or(usual.end);
        let tau = self.tau.unwrap_or(usual.tau);
        check("start", start, start.is_finite(), "must be finite")?;
        let above = end.is_finite() && end > start;
        check("end", end, above, "must be finite and above `start`")?;
        let positive = tau.is_finite() && tau > 0.0;
        check("tau", tau, positive, "must be finite and positive")?;
        Ok(SigmoidSchedule { start, end, tau })
    }
}

fn check(
    field: &'static str,
    value: f64,
    holds: bool,
    expected: &'static str,
) -> Result<(), ScheduleError> {
    match holds {
        true => Ok(()),
        false => Err(ScheduleError::OptionOutOfRange { field, value, expected }),
    }
}

/// A schedule that never gets noisier than `end`.
struct Held<S> {
    schedule: S,
    end: NoiseLevel,
}

impl<S: NoiseSchedule> NoiseSchedule for Held<S> {
    fn level(&self, u: f64) -> NoiseLevel {
        let level = self.schedule.level(u);
        if level.log_snr() < self.end.log_snr() { self.end } else { level }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [ScheduleName; 6] = [
        ScheduleName::Linear,
        ScheduleName::ScaledLinear,
        ScheduleName::SquaredcosCapV2,
        ScheduleName::Sigmoid,
        ScheduleName::Cosine,
        ScheduleName::DdpmContinuous,
    ];

    fn parse(text: &str) -> Result<ScheduleConfig, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn defaults() {
        for name in ALL {
            let config = parse(&format!(r#"{{ "name": "{name}" }}"#)).unwrap();
            assert_eq!(config, ScheduleConfig::new(name));
            assert_eq!(config.build().unwrap().len(), 1024);
            let text = serde_json::to_string(&config).unwrap();
            assert!(!text.contains("beta_start"), "unset options stay unwritten: {text}");
            assert_eq!(parse(&text).unwrap(), config);
        }
    }

    #[test]
    fn zero_terminal_snr_decides_the_end() {
        for name in ALL {
            let mut config = ScheduleConfig::new(name);
            assert!(!config.build().unwrap().has_zero_terminal_snr(), "{name}");
            config.zero_terminal_snr = true;
            assert!(config.build().unwrap().has_zero_terminal_snr(), "{name}");
        }
    }

    #[test]
    fn held_ends() {
        let end = |name| ScheduleConfig::new(name).build().unwrap().at(1023);
        assert_eq!(end(ScheduleName::Cosine).log_snr(), -20.0);
        assert_eq!(end(ScheduleName::Sigmoid), NoiseLevel::from_alpha_bar(1e-9));
    }

    #[test]
    fn options_of_another_schedule_are_refused_by_name() {
        for name in ALL {
            for field in ["beta_start", "beta_end", "start", "end", "tau"] {
                let text = format!(r#"{{ "name": "{name}", "{field}": 0.5 }}"#);
                let built = parse(&text).unwrap().build();
                let belongs = match name {
                    ScheduleName::Linear | ScheduleName::ScaledLinear => field.starts_with("beta"),
                    ScheduleName::Sigmoid => !field.starts_with("beta"),
                    _ => false,
                };
                match belongs {
                    true => assert!(built.is_ok(), "{text}: {built:?}"),
                    false => {
                        assert_eq!(built, Err(ScheduleError::ForeignOption { field, name }));
                    }
                }
            }
        }
    }

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        for (text, names) in [
            (r#"{ "name": "linear", "beta_start": 0.0 }"#, "`beta_start`"),
            (r#"{ "name": "linear", "beta_end": 1.0 }"#, "`beta_end`"),
            (r#"{ "name": "scaled_linear", "beta_end": -0.1 }"#, "`beta_end`"),
            (r#"{ "name": "sigmoid", "tau": 0.0 }"#, "`tau`"),
            (r#"{ "name": "sigmoid", "start": 3.0 }"#, "`end`"),
            (r#"{ "name": "sigmoid", "end": -4.0 }"#, "`end`"),
            (r#"{ "name": "cosine", "train_timesteps": 0 }"#, "train_timesteps"),
            (
                r#"{ "name": "linear", "train_timesteps": 1, "zero_terminal_snr": true }"#,
                "zero_terminal_snr",
            ),
        ] {
            let error = parse(text).unwrap().build().unwrap_err();
            assert!(error.to_string().contains(names), "{text}: {error}");
        }
    }

    #[test]
    fn malformed_configurations_are_refused() {
        for (text, names) in [
            (r#"{ "name": "cosines" }"#, "cosines"),
            (r#"{ "name": "cosine", "beta": 0.1 }"#, "beta"),
            (r#"{ "train_timesteps": 10 }"#, "name"),
            (r#"{ "name": "cosine", "train_timesteps": -1 }"#, "-1"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.to_string().contains(names), "{text}: {error}");
        }
    }
}
