//! How much each noise level counts in the loss.

use serde::{Deserialize, Serialize};

use crate::{NoiseLevel, PredictionType};

/// A weight on the squared error of x0, as a function of the noise level.
///
/// The errors of x0, eps and v are multiples of each other, `|dx0|^2 = sigma^2 |dv|^2` and
/// `|deps|^2 = alpha^2 |dv|^2`, so one weight has a form for each: [`v_weight`](Self::v_weight),
/// [`output_weight`](Self::output_weight).
///
/// In a configuration: `{ kind = "min_snr_gamma", gamma = 5.0 }`. `gamma` is required by the two
/// kinds that have it, and refused by the others.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
#[serde(try_from = "Table", into = "Table")]
pub enum LossWeighting {
    /// 1: plain x0-MSE.
    X0,
    /// SNR: plain eps-MSE.
    Snr,
    /// max(SNR, 1) (Salimans & Ho 2022, arXiv:2202.00512, section 4).
    TruncatedSnr,
    /// SNR + 1: plain v-MSE.
    SnrPlusOne,
    /// min(SNR, gamma) (Hang et al. 2023, arXiv:2303.09556).
    MinSnrGamma {
        /// The cap, positive; the paper uses 5.
        gamma: f64,
    },
    /// SNR gamma / (SNR + gamma), the smooth form of the above (Crowson et al. 2024,
    /// arXiv:2401.11605).
    SoftMinSnrGamma {
        /// The cap, positive.
        gamma: f64,
    },
}

impl LossWeighting {
    /// The weight on the squared error of v; finite at every level.
    pub fn v_weight(&self, level: NoiseLevel) -> f64 {
        let (alpha2, sigma2) = (level.alpha().powi(2), level.sigma().powi(2));
        match *self {
            Self::X0 => sigma2,
            Self::Snr => alpha2,
            Self::TruncatedSnr => alpha2.max(sigma2),
            Self::SnrPlusOne => 1.0,
            Self::MinSnrGamma { gamma } => alpha2.min(gamma * sigma2),
            Self::SoftMinSnrGamma { gamma } => gamma * alpha2 * sigma2 / (alpha2 + gamma * sigma2),
        }
    }

    /// The weight on the squared error of a network output of the given kind.
    ///
    /// It is infinite where that output cannot carry the weight: a positive weight on x0 through eps at alpha = 0,
    /// an unbounded weight on x0 itself at sigma = 0.
    pub fn output_weight(&self, kind: PredictionType, level: NoiseLevel) -> f64 {
        match kind {
            PredictionType::VPrediction => self.v_weight(level),
            PredictionType::Sample => self.x0_weight(level),
            PredictionType::Epsilon => self.eps_weight(level),
        }
    }

    /// Whether pure noise (alpha = 0) gets weight 0. Distillation refuses such weightings, because a few-step
    /// student's first and most important step starts there.
    pub fn vanishes_at_zero_snr(&self) -> bool {
        self.v_weight(NoiseLevel::PURE_NOISE) == 0.0
    }

    /// The `kind` of the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Self::X0 => "x0",
            Self::Snr => "snr",
            Self::TruncatedSnr => "truncated_snr",
            Self::SnrPlusOne => "snr_plus_one",
            Self::MinSnrGamma { .. } => "min_snr_gamma",
            Self::SoftMinSnrGamma { .. } => "soft_min_snr_gamma",
        }
    }

    /// v_weight / sigma^2, with the division done.
    fn x0_weight(&self, level: NoiseLevel) -> f64 {
        let (alpha2, sigma2) = (level.alpha().powi(2), level.sigma().powi(2));
        let snr = level.snr();
        match *self {
            Self::X0 => 1.0,
            Self::Snr => snr,
            Self::TruncatedSnr => snr.max(1.0),
            Self::SnrPlusOne => 1.0 / sigma2,
            Self::MinSnrGamma { gamma } => snr.min(gamma),
            Self::SoftMinSnrGamma { gamma } => gamma * alpha2 / (alpha2 + gamma * sigma2),
        }
    }

    /// v_weight / alpha^2, with the division done.
    fn eps_weight(&self, level: NoiseLevel) -> f64 {
        let (alpha2, sigma2) = (level.alpha().powi(2), level.sigma().powi(2));
        let inverse_snr = level.karras_sigma().powi(2);
        match *self {
            Self::X0 => inverse_snr,
            Self::Snr => 1.0,
            Self::TruncatedSnr => inverse_snr.max(1.0),
            Self::SnrPlusOne => 1.0 / alpha2,
            Self::MinSnrGamma { gamma } => (gamma * inverse_snr).min(1.0),
            Self::SoftMinSnrGamma { gamma } => gamma * sigma2 / (alpha2 + gamma * sigma2),
        }
    }
}

/// The form in a configuration. It is flat, because serde ignores `deny_unknown_fields` for the unit variants of a
/// tagged enum.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gamma: Option<f64>,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Kind {
    X0,
    Snr,
    TruncatedSnr,
    SnrPlusOne,
    MinSnrGamma,
    SoftMinSnrGamma,
}

/// A loss weighting whose `gamma` is missing, misplaced or not positive.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LossWeightingError {
    /// The kind needs a gamma.
    #[error("loss weighting `{kind}` needs `gamma` (the usual value is 5.0)")]
    MissingGamma {
        /// The requested kind.
        kind: &'static str,
    },
    /// The kind has no gamma.
    #[error("`gamma` does not belong to loss weighting `{kind}`: remove it")]
    ForeignGamma {
        /// The requested kind.
        kind: &'static str,
    },
    /// Gamma is not a positive number.
    #[error("loss weighting `gamma` = {gamma}: must be positive and finite")]
    GammaOutOfRange {
        /// The value found.
        gamma: f64,
    },
}

impl TryFrom<Table> for LossWeighting {
    type Error = LossWeightingError;

    fn try_from(table: Table) -> Result<Self, Self::Error> {
        let plain = match (table.kind, table.gamma) {
            (Kind::X0, _) => Self::X0,
            (Kind::Snr, _) => Self::Snr,
            (Kind::TruncatedSnr, _) => Self::TruncatedSnr,
            (Kind::SnrPlusOne, _) => Self::SnrPlusOne,
            (Kind::MinSnrGamma, gamma) => {
                let gamma = checked(gamma, "min_snr_gamma")?;
                return Ok(Self::MinSnrGamma { gamma });
            }
            (Kind::SoftMinSnrGamma, gamma) => {
                let gamma = checked(gamma, "soft_min_snr_gamma")?;
                return Ok(Self::SoftMinSnrGamma { gamma });
            }
        };
        match table.gamma {
            Some(_) => Err(LossWeightingError::ForeignGamma { kind: plain.name() }),
            None => Ok(plain),
        }
    }
}

fn checked(gamma: Option<f64>, kind: &'static str) -> Result<f64, LossWeightingError> {
    match gamma {
        None => Err(LossWeightingError::MissingGamma { kind }),
        Some(gamma) if gamma > 0.0 && gamma.is_finite() => Ok(gamma),
        Some(gamma) => Err(LossWeightingError::GammaOutOfRange { gamma }),
    }
}

impl From<LossWeighting> for Table {
    fn from(weighting: LossWeighting) -> Self {
        let (kind, gamma) = match weighting {
            LossWeighting::X0 => (Kind::X0, None),
            LossWeighting::Snr => (Kind::Snr, None),
            LossWeighting::TruncatedSnr => (Kind::TruncatedSnr, None),
            LossWeighting::SnrPlusOne => (Kind::SnrPlusOne, None),
            LossWeighting::MinSnrGamma { gamma } => (Kind::MinSnrGamma, Some(gamma)),
            LossWeighting::SoftMinSnrGamma { gamma } => (Kind::SoftMinSnrGamma, Some(gamma)),
        };
        Self { kind, gamma }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [LossWeighting; 6] = [
        LossWeighting::X0,
        LossWeighting::Snr,
        LossWeighting::TruncatedSnr,
        LossWeighting::SnrPlusOne,
        LossWeighting::MinSnrGamma { gamma: 5.0 },
        LossWeighting::SoftMinSnrGamma { gamma: 5.0 },
    ];

    /// The weight on x0-MSE in its paper's form.
    fn by_definition(weighting: LossWeighting, snr: f64) -> f64 {
        match weighting {
            LossWeighting::X0 => 1.0,
            LossWeighting::Snr => snr,
            LossWeighting::TruncatedSnr => snr.max(1.0),
            LossWeighting::SnrPlusOne => snr + 1.0,
            LossWeighting::MinSnrGamma { gamma } => snr.min(gamma),
            LossWeighting::SoftMinSnrGamma { gamma } => snr * gamma / (snr + gamma),
        }
    }

    #[test]
    fn every_form_is_the_definition() {
        for weighting in ALL {
            for k in -40..=40 {
                let level = NoiseLevel::from_log_snr(f64::from(k) / 2.0);
                let (alpha2, sigma2) = (level.alpha().powi(2), level.sigma().powi(2));
                let on_x0 = by_definition(weighting, level.snr());
                for (kind, expected) in [
                    (PredictionType::Sample, on_x0),
                    (PredictionType::VPrediction, on_x0 * sigma2),
                    (PredictionType::Epsilon, on_x0 * sigma2 / alpha2),
                ] {
                    let weight = weighting.output_weight(kind, level);
                    // A few roundings.
                    assert!((weight / expected - 1.0).abs() < 1e-14, "{weighting:?} {kind}");
                }
            }
        }
    }

    #[test]
    fn ends_are_the_limits() {
        let at_noise = [1.0, 0.0, 1.0, 1.0, 0.0, 0.0];
        let at_clean = [0.0, 1.0, 1.0, 1.0, 0.0, 0.0];
        for ((weighting, noise), clean) in ALL.into_iter().zip(at_noise).zip(at_clean) {
            assert_eq!(weighting.v_weight(NoiseLevel::PURE_NOISE), noise);
            assert_eq!(weighting.v_weight(NoiseLevel::CLEAN), clean);
            assert_eq!(weighting.vanishes_at_zero_snr(), noise == 0.0);
            for kind in PredictionType::ALL {
                assert!(!weighting.output_weight(kind, NoiseLevel::PURE_NOISE).is_nan());
                assert!(!weighting.output_weight(kind, NoiseLevel::CLEAN).is_nan());
            }
        }
    }

    #[test]
    fn configuration_round_trips() {
        for weighting in ALL {
            let text = serde_json::to_string(&weighting).unwrap();
            assert!(text.contains(weighting.name()));
            assert_eq!(serde_json::from_str::<LossWeighting>(&text).unwrap(), weighting);
        }
        let text = r#"{ "kind": "min_snr_gamma", "gamma": 5.0 }"#;
        assert_eq!(
            serde_json::from_str::<LossWeighting>(text).unwrap(),
            LossWeighting::MinSnrGamma { gamma: 5.0 }
        );
    }

    #[test]
    fn malformed_configurations_are_refused_by_name() {
        for (text, names) in [
            (r#"{ "kind": "min_snr_gamma" }"#, "needs `gamma`"),
            (r#"{ "kind": "soft_min_snr_gamma" }"#, "needs `gamma`"),
            (r#"{ "kind": "x0", "gamma": 5.0 }"#, "`x0`"),
            (r#"{ "kind": "snr_plus_one", "gamma": 5.0 }"#, "`snr_plus_one`"),
            (r#"{ "kind": "min_snr_gamma", "gamma": 0.0 }"#, "positive"),
            (r#"{ "kind": "min_snr_gamma", "gamma": -1.0 }"#, "positive"),
            (r#"{ "kind": "min_snr", "gamma": 5.0 }"#, "min_snr"),
            (r#"{ "kind": "x0", "weight": 1.0 }"#, "weight"),
            (r#"{ "gamma": 5.0 }"#, "kind"),
        ] {
            let error = serde_json::from_str::<LossWeighting>(text).unwrap_err();
            assert!(error.to_string().contains(names), "{text}: {error}");
        }
        assert_eq!(
            checked(Some(f64::INFINITY), "min_snr_gamma"),
            Err(LossWeightingError::GammaOutOfRange { gamma: f64::INFINITY })
        );
    }
}
