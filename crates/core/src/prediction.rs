//! A network's prediction as x0, eps or v.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::{NoiseLevel, column, dynamic_threshold, predict_eps, predict_x0};

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

/// A network's prediction for `z` at its noise level. x0, eps and v are derived on request.
///
/// Some of them divide, and are infinite or NaN where the network's output does not determine them: x0 and v of
/// an eps-prediction at alpha = 0, eps and v of an x0-prediction at sigma = 0.
#[derive(Clone, Debug)]
pub struct Prediction {
    kind: PredictionType,
    output: Tensor<4>,
    z: Tensor<4>,
    levels: Vec<NoiseLevel>,
    clip: Option<X0Clip>,
}

/// How x0 is kept in range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum X0Clip {
    /// To `[-bound, bound]` (diffusers' `clip_sample`).
    Static {
        /// Largest magnitude.
        bound: f64,
    },
    /// [`dynamic_threshold`] (diffusers' `thresholding`).
    Dynamic {
        /// Share of the values of an image that stay in range, in `(0, 1]`.
        ratio: f64,
        /// Largest magnitude that is scaled down rather than clipped.
        max: f64,
    },
}

impl X0Clip {
    /// x0 `[B, C, H, W]` in range.
    pub fn apply(self, x0: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Static { bound } => x0.clamp(-bound, bound),
            Self::Dynamic { ratio, max } => dynamic_threshold(x0, ratio, max),
        }
    }
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
        Self { kind, output, z, levels: levels.to_vec(), clip: None }
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
        match self.clip {
            Some(clip) => clip.apply(x0),
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
        if self.clip.is_some() {
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

    /// The prediction as this kind of output: [`x0`](Self::x0), [`eps`](Self::eps) or [`v`](Self::v).
    pub fn output_as(&self, kind: PredictionType) -> Tensor<4> {
        match kind {
            PredictionType::Epsilon => self.eps(),
            PredictionType::Sample => self.x0(),
            PredictionType::VPrediction => self.v(),
        }
    }

    /// The network's output, `[B, C, H, W]`, without clipping.
    pub fn output(&self) -> Tensor<4> {
        self.output.clone()
    }

    /// What the network's output stands for.
    pub fn kind(&self) -> PredictionType {
        self.kind
    }

    /// The same with x0 clipped and eps kept (diffusers' `clip_sample` without
    /// `use_clipped_model_output`).
    pub fn with_clip(self, clip: X0Clip) -> Self {
        Self { clip: Some(clip), ..self }
    }

    /// The same with x0 clipped and eps and v re-derived from it: z stays `alpha x0 + sigma eps`.
    /// Divides by sigma.
    pub fn with_clip_everywhere(self, clip: X0Clip) -> Self {
        let x0 = clip.apply(self.x0());
        Self { kind: PredictionType::Sample, output: x0, ..self }
    }

    /// `a z + b output` with `(a, b)` from each level.
    fn combine(&self, coefficients: impl Fn(&NoiseLevel) -> (f64, f64)) -> Tensor<4> {
        let on_z = column(self.levels.iter().map(|level| coefficients(level).0), &self.z);
        let on_output = column(self.levels.iter().map(|level| coefficients(level).1), &self.z);
        on_z * self.z() + on_output * self.output()
    }
}
