//! Analytic-DPM: the variance of a reverse step that is best on average over data and pixels, from one number per
//! noise level (Bao et al. 2022, arXiv:2201.06503).
//!
//! That number is `E|eps_hat(z)|^2 / d = sigma^2 Gamma`, with d values per image and the paper's
//! `Gamma = E|score|^2 / d`. It gives V, the mean variance of the data given z, in which everything here is
//! expressed: V is finite at every level, and between 0 and 1 for images.

use std::f64::consts::FRAC_PI_2;

use crate::posterior::ddim_eps_coef;
use crate::{NoiseLevel, posterior};

/// The mean variance of x0 given z, `V = E[Var(x0 | z)] / d`, that `eps_norm2 = E|eps_hat|^2 / d` implies at
/// `level`: `V = sigma^2 / alpha^2 (1 - eps_norm2)`.
///
/// It is `None` at alpha = 0, where every data set has `eps_norm2 = 1` and V is the variance of the data. It is
/// negative where `eps_norm2 > 1`, which no exact network has. An error of `eps_norm2` grows by the factor
/// `sigma^2 / alpha^2`.
pub fn posterior_data_variance(level: NoiseLevel, eps_norm2: f64) -> Option<f64> {
    let ratio = level.karras_sigma().powi(2);
    ratio.is_finite().then_some(ratio * (1.0 - eps_norm2))
}

/// The optimal isotropic variance of one reverse step, and its bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AnalyticVariance {
    /// The variance to sample with, between `lower` and `upper`.
    pub value: f64,
    /// `lambda^2 = eta^2 btilde`: exact where z determines x0.
    pub lower: f64,
    /// The variance for the largest possible V.
    pub upper: f64,
}

/// The optimal variance of a DDIM step `from` -> `to` of the given `eta` when the mean variance of
/// x0 given z is `data_variance`, V (Theorem 1 of the paper; its bounds are Theorem 2).
///
/// With `lambda^2 = eta^2 btilde` and `c = alpha_s - sqrt(sigma_s^2 - lambda^2) alpha_r / sigma_r`
/// it is `lambda^2 + c^2 V`: the noise that DDIM adds, and the step's uncertainty about x0.
/// The paper writes `(sqrt(sigma_r^2) / alpha_rs - sqrt(sigma_s^2 - lambda^2))^2 (1 - sigma_r^2
/// Gamma)` for the second term; that is the same, but infinite times zero at alpha_r = 0.
///
/// `eta` in `[0, 1]`: 0 is Analytic-DDIM, 1 is Analytic-DDPM. The mean to go with it is that of
/// [`ddim_step`](crate::ddim_step), `alpha_s x0_hat + sqrt(sigma_s^2 - lambda^2) eps_hat`.
/// `half_range` is `(b - a) / 2` for data in `[a, b]`, 1 for images in `[-1, 1]`, infinity for data
/// without bounds: V is at most its square, and at most `sigma_r^2 / alpha_r^2` for any data.
///
/// A jump of length zero has no variance. A jump to clean data has V, the network's remaining uncertainty, which
/// samplers do not add.
pub fn analytic_variance(
    from: NoiseLevel,
    to: NoiseLevel,
    eta: f64,
    data_variance: f64,
    half_range: f64,
) -> AnalyticVariance {
    if from == to {
        return AnalyticVariance { value: 0.0, lower: 0.0, upper: 0.0 };
    }
    let lower = eta * eta * posterior(from, to).variance;
    let c2 = x0_given_z_coef(from, to, eta).powi(2);
    let largest = from.karras_sigma().min(half_range.abs());
    let upper = lower + c2 * largest.powi(2);
    let value = (lower + c2 * data_variance).max(lower).min(upper); // clamp() panics on NaN
    AnalyticVariance { value, lower, upper }
}

/// `c = alpha_s - sqrt(sigma_s^2 - lambda^2) alpha_r / sigma_r`: the factor of a DDIM step on x0 at a given z, where
/// eps is `(z - alpha_r x0) / sigma_r`.
///
/// Written as a quotient: the subtraction would lose the digits of a short step.
fn x0_given_z_coef(from: NoiseLevel, to: NoiseLevel, eta: f64) -> f64 {
    let jump = posterior(from, to);
    let whole = to.alpha() + eta * eta * jump.z_coef * from.alpha();
    let parts = to.alpha() + ddim_eps_coef(from, to, eta) * from.alpha() / from.sigma();
    jump.x0_coef * whole / parts
}

/// The largest standard deviation of the last added noise: `y (2 / 255) sqrt(pi / 2)`, which moves a pixel of an
/// image in `[-1, 1]` by y of its 256 grey levels on average.
///
/// The paper takes y = 2 for Analytic-DDPM on a linear schedule, and 1 on a cosine schedule and for Analytic-DDIM.
/// The last noise is that of the step before the step to the clean image, which adds none.
pub fn noise_clip(y: f64) -> f64 {
    y * (2.0 / 255.0) * FRAC_PI_2.sqrt()
}
