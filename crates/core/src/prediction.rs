//! What a network said, and the other two readings of it.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::{NoiseLevel, column, predict_eps, predict_x0};

/// What a network's output stands for; spelled as diffusers spells it.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
pub enum PredictionType {
    /// The noise, "epsilon".
    Epsilon,
    /// The data, "sample".
    Sample,
    /// The velocity `alpha eps - sigma x0`, "v_prediction".
    VPrediction,
}

impl PredictionType {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Epsilon, Self::Sample, Self::VPrediction];

    /// diffusers' name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Epsilon => "epsilon",
            Self::Sample => "sample",
            Self::VPrediction => "v_prediction",
        }
    }
}

impl fmt::Display for PredictionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no [`PredictionType`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown prediction type `{0}`: expected epsilon, sample or v_prediction")]
pub struct ParsePredictionTypeError(String);

impl FromStr for PredictionType {
    type Err = ParsePredictionTypeError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| ParsePredictionTypeError(name.to_owned()))
    }
}

/// What a network said about `z` at its noise level; x0, eps and v are derived when asked for.
///
/// Two readings divide, and are infinite or NaN where the network's answer does not determine them:
/// x0 and v of an eps-prediction at alpha = 0, eps and v of an x0-prediction at sigma = 0.
#[derive(Clone, Debug)]
pub struct Prediction {
    kind: PredictionType,
    output: Tensor<4>,
    z: Tensor<4>,
    levels: Vec<NoiseLevel>,
    x0_bounds: Option<(f64, f64)>,
}

impl Prediction {
    /// The network's `output` of the given kind for input `z`, both `[B, C, H, W]`, at one level or
    /// B.
    pub fn new(
        kind: PredictionType,
        output: Tensor<4>,
        z: Tensor<4>,
        levels: &[NoiseLevel],
    ) -> Self {
        Self { kind, output, z, levels: levels.to_vec(), x0_bounds: None }
    }

    /// The data, `[B, C, H, W]`.
    pub fn x0(&self) -> Tensor<4> {
        let x0 = match self.kind {
            // x0 = (z - sigma eps) / alpha
            PredictionType::Epsilon => {
                self.combine(|level| (1.0 / level.alpha(), -level.karras_sigma()))
            }
            PredictionType::Sample => self.output(),
            PredictionType::VPrediction => predict_x0(self.output(), self.z(), &self.levels),
        };
        match self.x0_bounds {
            Some((min, max)) => x0.clamp(min, max),
            None => x0,
        }
    }

    /// The noise, `[B, C, H, W]`; of the unclipped x0 where x0 is clipped.
    pub fn eps(&self) -> Tensor<4> {
        match self.kind {
            PredictionType::Epsilon => self.output(),
            // eps = (z - alpha x0) / sigma
            PredictionType::Sample => {
                self.combine(|level| (1.0 / level.sigma(), -level.alpha() / level.sigma()))
            }
            PredictionType::VPrediction => predict_eps(self.output(), self.z(), &self.levels),
        }
    }

    /// The velocity, `[B, C, H, W]`; where x0 is clipped, `alpha eps - sigma x0` of the eps and x0
    /// given here.
    pub fn v(&self) -> Tensor<4> {
        if self.x0_bounds.is_some() {
            return crate::get_velocity(self.x0(), self.eps(), &self.levels);
        }
        match self.kind {
            // v = (eps - sigma z) / alpha
            PredictionType::Epsilon => {
                self.combine(|level| (-level.karras_sigma(), 1.0 / level.alpha()))
            }
            // v = (alpha z - x0) / sigma
            PredictionType::Sample => {
                self.combine(|level| (level.alpha() / level.sigma(), -1.0 / level.sigma()))
            }
            PredictionType::VPrediction => self.output(),
        }
    }

    /// The network's input, `[B, C, H, W]`.
    pub fn z(&self) -> Tensor<4> {
        self.z.clone()
    }

    /// The network's answer as it came, `[B, C, H, W]`; clipping does not touch it.
    pub fn output(&self) -> Tensor<4> {
        self.output.clone()
    }

    /// What the answer stands for.
    pub fn kind(&self) -> PredictionType {
        self.kind
    }

    /// The same with x0 clipped to `[min, max]` and eps kept (diffusers' `clip_sample` without
    /// `use_clipped_model_output`).
    ///
    /// To re-derive eps from the clipped x0 instead, make a new `Sample` prediction of that x0 at
    /// the same z.
    pub fn with_clipped_x0(self, min: f64, max: f64) -> Self {
        Self { x0_bounds: Some((min, max)), ..self }
    }

    /// `a z + b output` with `(a, b)` from each level.
    fn combine(&self, coefficients: impl Fn(&NoiseLevel) -> (f64, f64)) -> Tensor<4> {
        let on_z = column(self.levels.iter().map(|level| coefficients(level).0), &self.z);
        let on_output = column(self.levels.iter().map(|level| coefficients(level).1), &self.z);
        on_z * self.z() + on_output * self.output()
    }
}
