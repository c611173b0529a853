//! One noise level of the variance-preserving process.

use std::f64::consts::FRAC_PI_2;

/// How much signal and how much noise: `z = alpha x0 + sigma eps` with `alpha^2 + sigma^2 = 1`.
///
/// `alpha`, `sigma` and `log_snr` are all stored, because deriving one from another loses digits at one of the two
/// ends.
///
/// ```
/// use halfstep_core::NoiseLevel;
///
/// let level = NoiseLevel::from_log_snr(0.0);
/// assert!((level.alpha() - level.sigma()).abs() < 1e-15);
/// assert_eq!(NoiseLevel::from_alpha_bar(0.0), NoiseLevel::PURE_NOISE);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoiseLevel {
    alpha: f64,
    sigma: f64,
    log_snr: f64,
}

impl NoiseLevel {
    /// No noise: alpha = 1, sigma = 0, log_snr = +infinity.
    pub const CLEAN: Self = Self { alpha: 1.0, sigma: 0.0, log_snr: f64::INFINITY };

    /// No signal (zero SNR): alpha = 0, sigma = 1, log_snr = -infinity.
    pub const PURE_NOISE: Self = Self { alpha: 0.0, sigma: 1.0, log_snr: f64::NEG_INFINITY };

    /// From `log_snr = ln(alpha^2 / sigma^2)`, any value; the infinities are exactly the two ends.
    ///
    /// `alpha^2` is the logistic function of `log_snr`, `sigma^2` that of `-log_snr`.
    pub fn from_log_snr(log_snr: f64) -> Self {
        Self { alpha: sqrt_logistic(log_snr), sigma: sqrt_logistic(-log_snr), log_snr }
    }

    /// From `alpha_bar = alpha^2` (diffusers' `alphas_cumprod`), clamped to `[0, 1]`.
    pub fn from_alpha_bar(alpha_bar: f64) -> Self {
        let alpha_bar = alpha_bar.clamp(0.0, 1.0);
        Self::from_squares(alpha_bar, 1.0 - alpha_bar)
    }

    /// From the angle `phi` with `alpha = cos phi`, `sigma = sin phi`, clamped to `[0, pi/2]`; both
    /// ends are exact.
    pub fn from_phi(phi: f64) -> Self {
        let phi = phi.clamp(0.0, FRAC_PI_2);
        if phi == FRAC_PI_2 {
            return Self::PURE_NOISE; // cos of the nearest double to pi/2 is 6e-17, not 0
        }
        let (sigma, alpha) = phi.sin_cos();
        Self::from_parts(alpha, sigma)
    }

    /// From `alpha^2` and `sigma^2` that the caller has each to full precision.
    pub(crate) fn from_squares(alpha2: f64, sigma2: f64) -> Self {
        Self { alpha: alpha2.sqrt(), sigma: sigma2.sqrt(), log_snr: (alpha2 / sigma2).ln() }
    }

    /// From alpha and sigma that the caller has each to full precision.
    pub(crate) fn from_parts(alpha: f64, sigma: f64) -> Self {
        Self { alpha, sigma, log_snr: 2.0 * (alpha / sigma).ln() }
    }

    /// Factor on the signal, in `[0, 1]`.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// Factor on the noise, in `[0, 1]`. Not k-diffusion's sigma: that is
    /// [`karras_sigma`](Self::karras_sigma).
    pub fn sigma(&self) -> f64 {
        self.sigma
    }

    /// `ln(alpha^2 / sigma^2)`, from +infinity (clean) to -infinity (pure noise).
    pub fn log_snr(&self) -> f64 {
        self.log_snr
    }

    /// DPM-Solver's `lambda = ln(alpha / sigma) = log_snr / 2`.
    pub fn lambda(&self) -> f64 {
        self.log_snr / 2.0
    }

    /// `alpha^2 / sigma^2`; +infinity when clean.
    pub fn snr(&self) -> f64 {
        (self.alpha / self.sigma).powi(2)
    }

    /// `alpha^2`, diffusers' `alphas_cumprod`.
    pub fn alpha_bar(&self) -> f64 {
        self.alpha * self.alpha
    }

    /// The angle `atan2(sigma, alpha)` in `[0, pi/2]`.
    pub fn phi(&self) -> f64 {
        self.sigma.atan2(self.alpha)
    }

    /// `sigma / alpha`, the noise scale of the variance-exploding view (k-diffusion's "sigma");
    /// +infinity at pure noise.
    pub fn karras_sigma(&self) -> f64 {
        self.sigma / self.alpha
    }
}

/// `sqrt(1 / (1 + exp(-x)))`, with full relative precision in both tails.
fn sqrt_logistic(x: f64) -> f64 {
    if x >= 0.0 {
        (1.0 / (1.0 + (-x).exp())).sqrt()
    } else {
        let half = (x / 2.0).exp(); // exp(x) would underflow at half the range
        half / (1.0 + half * half).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A few roundings of numbers of size one.
    const ROUNDING: f64 = 4.0 * f64::EPSILON;

    #[test]
    fn ends_are_exact() {
        for (clean, noise) in [
            (NoiseLevel::from_log_snr(f64::INFINITY), NoiseLevel::from_log_snr(f64::NEG_INFINITY)),
            (NoiseLevel::from_alpha_bar(1.0), NoiseLevel::from_alpha_bar(0.0)),
            (NoiseLevel::from_phi(0.0), NoiseLevel::from_phi(FRAC_PI_2)),
        ] {
            assert_eq!(clean, NoiseLevel::CLEAN);
            assert_eq!(noise, NoiseLevel::PURE_NOISE);
        }
        assert_eq!(NoiseLevel::CLEAN.karras_sigma(), 0.0);
        assert_eq!(NoiseLevel::PURE_NOISE.karras_sigma(), f64::INFINITY);
        assert_eq!(NoiseLevel::CLEAN.snr(), f64::INFINITY);
        assert_eq!(NoiseLevel::PURE_NOISE.snr(), 0.0);
        assert_eq!(NoiseLevel::PURE_NOISE.phi(), FRAC_PI_2);
    }

    #[test]
    fn out_of_range_is_clamped() {
        assert_eq!(NoiseLevel::from_alpha_bar(1.5), NoiseLevel::CLEAN);
        assert_eq!(NoiseLevel::from_alpha_bar(-0.5), NoiseLevel::PURE_NOISE);
        assert_eq!(NoiseLevel::from_phi(-0.1), NoiseLevel::CLEAN);
        assert_eq!(NoiseLevel::from_phi(2.0), NoiseLevel::PURE_NOISE);
    }

    #[test]
    fn variance_is_preserved_and_views_agree() {
        for k in -400..=400 {
            let log_snr = f64::from(k) / 10.0;
            let level = NoiseLevel::from_log_snr(log_snr);
            let (alpha, sigma) = (level.alpha(), level.sigma());
            assert!((alpha * alpha + sigma * sigma - 1.0).abs() < ROUNDING);
            // exp amplifies the rounding of its argument (up to 40) by the argument.
            let snr = level.snr();
            assert!((snr / log_snr.exp() - 1.0).abs() < 50.0 * f64::EPSILON);
            assert!((level.lambda() * 2.0 - log_snr).abs() == 0.0);
            assert!((level.phi() - (-log_snr / 2.0).exp().atan()).abs() < ROUNDING);
            let again = NoiseLevel::from_phi(level.phi());
            assert!((again.alpha() - alpha).abs() < ROUNDING);
            assert!((again.sigma() - sigma).abs() < ROUNDING);
        }
    }

    #[test]
    fn tails_keep_their_digits() {
        // sigma = exp(-log_snr/2) to first order: 1 - alpha^2 in f64 would give 0 here.
        for log_snr in [80.0, 300.0, 1000.0] {
            let sigma = NoiseLevel::from_log_snr(log_snr).sigma();
            assert!((sigma / f64::exp(-log_snr / 2.0) - 1.0).abs() < ROUNDING);
            let alpha = NoiseLevel::from_log_snr(-log_snr).alpha();
            assert_eq!(alpha, sigma);
        }
    }
}
