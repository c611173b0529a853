//! One update from a noisier level to a less noisy one. Samplers and distillation call these same
//! functions.
//!
//! In all of them z and v are `[B, C, H, W]`, and `from`, `to` are one level for the batch, or B;
//! `to` is not noisier than `from`.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::posterior::ddim_eps_coef;
use crate::{NoiseLevel, Posterior, Prediction, column, posterior};

/// The variance of an [`ancestral_step`]; spelled as diffusers' `variance_type`.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
pub enum AncestralVariance {
    /// beta tilde: exact for data of a single point.
    FixedSmall,
    /// beta: exact for standard normal data.
    FixedLarge,
}

impl AncestralVariance {
    fn value(self, posterior: &Posterior) -> f64 {
        match self {
            Self::FixedSmall => posterior.variance,
            Self::FixedLarge => posterior.beta,
        }
    }
}

/// DDIM: `z_s = alpha_s x0 + sqrt(sigma_s^2 - eta^2 btilde) eps + eta sqrt(btilde) noise`
/// (Song et al. 2021, arXiv:2010.02502, equations 12 and 16).
///
/// `eta` in `[0, 1]`: 0 is deterministic, 1 is DDPM. `noise` is standard normal `[B, C, H, W]`,
/// unused when `eta` is 0; `None` with another `eta` counts as zeros. Uses x0 and eps of `p`, so
/// clipping acts as in diffusers.
pub fn ddim_step(
    p: &Prediction,
    from: &[NoiseLevel],
    to: &[NoiseLevel],
    eta: f64,
    noise: Option<Tensor<4>>,
) -> Tensor<4> {
    let (x0, eps) = (p.x0(), p.eps());
    let jumps = pairs(from, to);
    let variance = |&(from, to): &Jump| eta * eta * posterior(from, to).variance;
    let direction = |&(from, to): &Jump| ddim_eps_coef(from, to, eta);

    let alpha_s = column(jumps.iter().map(|(_, to)| to.alpha()), &x0);
    let on_eps = column(jumps.iter().map(direction), &x0);
    let mean = alpha_s * x0 + on_eps * eps;
    match noise {
        Some(noise) if eta != 0.0 => {
            let std = column(jumps.iter().map(|jump| variance(jump).sqrt()), &mean);
            mean + std * noise
        }
        _ => mean,
    }
}

/// DDIM with eta = 0 as a rotation: `z_s = cos(delta) z_r - sin(delta) v`, `delta = phi_r - phi_s`
/// (Salimans & Ho 2022, arXiv:2202.00512, Appendix D). No division by alpha or sigma.
pub fn angular_step(
    v: Tensor<4>,
    z: Tensor<4>,
    from: &[NoiseLevel],
    to: &[NoiseLevel],
) -> Tensor<4> {
    let jumps = pairs(from, to);
    let cos = column(jumps.iter().map(|jump| delta(jump).cos()), &z);
    let sin = column(jumps.iter().map(|jump| delta(jump).sin()), &z);
    cos * z - sin * v
}

/// DDPM: a draw from `q(z_s | z_r, x0)` at the predicted x0, with one of the two variances
/// (Ho et al. 2020, arXiv:2006.11239, Algorithm 2 and section 3.2).
///
/// `noise` is standard normal `[B, C, H, W]`. None is added where `to` is clean, whatever the variance.
pub fn ancestral_step(
    p: &Prediction,
    from: &[NoiseLevel],
    to: &[NoiseLevel],
    variance: AncestralVariance,
    noise: Tensor<4>,
) -> Tensor<4> {
    let z = p.z();
    let jumps = pairs(from, to);
    let of = |&(from, to): &Jump| posterior(from, to);
    let std = |jump: &Jump| match jump.1.sigma() {
        0.0 => 0.0,
        _ => variance.value(&of(jump)).max(0.0).sqrt(),
    };

    let on_z = column(jumps.iter().map(|jump| of(jump).z_coef), &z);
    let on_x0 = column(jumps.iter().map(|jump| of(jump).x0_coef), &z);
    let std = column(jumps.iter().map(std), &z);
    on_z * z + on_x0 * p.x0() + std * noise
}

/// A noisier level and the less noisy one it goes to.
type Jump = (NoiseLevel, NoiseLevel);

/// `from` and `to` side by side; a list of one is shared by the other's whole length.
pub(crate) fn pairs(from: &[NoiseLevel], to: &[NoiseLevel]) -> Vec<Jump> {
    let count = from.len().max(to.len());
    let from = from.iter().copied().cycle();
    let to = to.iter().copied().cycle();
    from.zip(to).take(count).collect()
}

/// The angle of a jump, `phi_r - phi_s`.
pub(crate) fn delta((from, to): &Jump) -> f64 {
    from.phi() - to.phi()
}
