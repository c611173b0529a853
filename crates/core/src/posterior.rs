//! The posterior of a less noisy state, given a noisier one and the data.

use crate::NoiseLevel;

/// `q(z_s | z_r, x0) = N(z_coef z_r + x0_coef x0, variance)` for a jump from level r to a less
/// noisy level s (Ho et al. 2020, arXiv:2006.11239, equations 6 and 7, for a jump of any length).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Posterior {
    /// `alpha_rs sigma_s^2 / sigma_r^2`, where `alpha_rs = alpha_r / alpha_s`.
    pub z_coef: f64,
    /// `alpha_s beta_rs / sigma_r^2`.
    pub x0_coef: f64,
    /// `beta tilde = sigma_s^2 / sigma_r^2 beta_rs`, the variance when x0 is known (`fixed_small`).
    pub variance: f64,
    /// `beta_rs = 1 - alpha_rs^2`, the variance when the data is standard normal (`fixed_large`).
    pub beta: f64,
}

/// The posterior of a jump `from` -> `to`; `to` must not be noisier than `from`.
///
/// It is exact at both ends: from pure noise (alpha_r = 0) it is the forward process at `to`; to clean data
/// (sigma_s = 0) it is x0 itself. A jump of length zero is the identity.
pub fn posterior(from: NoiseLevel, to: NoiseLevel) -> Posterior {
    if from == to {
        return Posterior { z_coef: 1.0, x0_coef: 0.0, variance: 0.0, beta: 0.0 };
    }
    let alpha_rs = from.alpha() / to.alpha();
    let beta = beta_between(from, to);
    let ratio = (to.sigma() / from.sigma()).powi(2);
    Posterior {
        z_coef: alpha_rs * ratio,
        x0_coef: to.alpha() * (beta / from.sigma().powi(2)),
        variance: ratio * beta,
        beta,
    }
}

/// `sqrt(sigma_s^2 - eta^2 btilde)`, DDIM's factor on eps.
///
/// `sigma_s^2 - btilde` is the square of `z_coef sigma_r`; in that form nothing cancels at eta = 1.
pub(crate) fn ddim_eps_coef(from: NoiseLevel, to: NoiseLevel, eta: f64) -> f64 {
    let given_eps = posterior(from, to).z_coef * from.sigma();
    let squared = (1.0 - eta * eta) * to.sigma().powi(2) + (eta * given_eps).powi(2);
    squared.max(0.0).sqrt()
}

/// `beta_rs = 1 - (alpha_r / alpha_s)^2`, from the smaller pair of alphas or sigmas, whose subtraction loses fewer
/// digits.
pub(crate) fn beta_between(from: NoiseLevel, to: NoiseLevel) -> f64 {
    let difference_of_squares = if from.sigma() < from.alpha() {
        (from.sigma() - to.sigma()) * (from.sigma() + to.sigma())
    } else {
        (to.alpha() - from.alpha()) * (to.alpha() + from.alpha())
    };
    difference_of_squares / to.alpha().powi(2)
}
