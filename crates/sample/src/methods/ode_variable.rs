//! The variables that the probability-flow ODE is solved in.
//!
//! With `z = alpha x0 + sigma eps` and the prediction at z, each of these is the same flow
//! (Song et al. 2021, <https://arxiv.org/abs/2011.13456>; Karras et al. 2022,
//! <https://arxiv.org/abs/2206.00364>, equation 4):
//!
//! | variable | state y | dy |
//! |---|---|---|
//! | `karras`: sigma / alpha | z / alpha | eps |
//! | `data`: alpha / sigma | z / sigma | x0 |
//! | `lambda`: ln(alpha / sigma) | z | `-alpha sigma v` |
//! | `phi`: atan2(sigma, alpha) | z | v |

use burn::tensor::Tensor;
use halfstep_core::{NoiseLevel, Prediction, column};

use crate::names::named;

named! {
    /// The variable that an ODE solver steps in.
    pub enum OdeVariable: "ODE variable" {
        /// sigma / alpha, the sigma of k-diffusion and EDM: infinite at pure noise.
        Karras = "karras", "sigma / alpha, k-diffusion's and EDM's sigma: infinite at pure noise",
        /// alpha / sigma, its inverse: 0 at pure noise.
        Data = "data", "alpha / sigma, its inverse: starts at 0 at pure noise",
        /// ln(alpha / sigma), the lambda of DPM-Solver: infinite at pure noise.
        Lambda = "lambda", "ln(alpha / sigma), DPM-Solver's lambda: infinite at pure noise",
        /// The angle atan2(sigma, alpha): finite at both ends.
        Phi = "phi", "The angle atan2(sigma, alpha): finite at both ends",
    }
}

impl OdeVariable {
    /// Where a level lies.
    pub fn position(self, level: NoiseLevel) -> f64 {
        match self {
            Self::Karras => level.karras_sigma(),
            Self::Data => level.alpha() / level.sigma(),
            Self::Lambda => level.lambda(),
            Self::Phi => level.phi(),
        }
    }

    /// The level at a position.
    pub fn level(self, position: f64) -> NoiseLevel {
        match self {
            Self::Karras => NoiseLevel::from_log_snr(-2.0 * position.ln()),
            Self::Data => NoiseLevel::from_log_snr(2.0 * position.ln()),
            Self::Lambda => NoiseLevel::from_log_snr(2.0 * position),
            Self::Phi => NoiseLevel::from_phi(position),
        }
    }

    /// Whether it is finite at pure noise.
    pub fn starts_at_pure_noise(self) -> bool {
        matches!(self, Self::Data | Self::Phi)
    }

    /// y of z `[B, C, H, W]` at one level or B.
    pub fn state(self, z: Tensor<4>, levels: &[NoiseLevel]) -> Tensor<4> {
        match self.scale(levels, &z) {
            Some(scale) => z / scale,
            None => z,
        }
    }

    /// z of y, the inverse of [`state`](Self::state).
    pub fn z(self, state: Tensor<4>, levels: &[NoiseLevel]) -> Tensor<4> {
        match self.scale(levels, &state) {
            Some(scale) => state * scale,
            None => state,
        }
    }

    /// dy by the variable, for the prediction `p` at these levels.
    pub fn slope(self, p: &Prediction, levels: &[NoiseLevel]) -> Tensor<4> {
        match self {
            Self::Karras => p.eps(),
            Self::Data => p.x0(),
            Self::Lambda => {
                let v = p.v();
                column(levels.iter().map(|level| -level.alpha() * level.sigma()), &v) * v
            }
            Self::Phi => p.v(),
        }
    }

    fn scale(self, levels: &[NoiseLevel], like: &Tensor<4>) -> Option<Tensor<4>> {
        match self {
            Self::Karras => Some(column(levels.iter().map(NoiseLevel::alpha), like)),
            Self::Data => Some(column(levels.iter().map(NoiseLevel::sigma), like)),
            Self::Lambda | Self::Phi => None,
        }
    }
}
