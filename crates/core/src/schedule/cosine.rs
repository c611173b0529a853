//! The continuous cosine schedule.

use std::f64::consts::FRAC_PI_2;

use super::NoiseSchedule;
use crate::NoiseLevel;

/// `alpha = cos(pi u / 2)`, `log_snr` clipped to `[-log_snr_max, log_snr_max]` (Salimans & Ho 2022,
/// arXiv:2202.00512, which clips at 20; the curve is Nichol & Dhariwal's, arXiv:2102.09672, offset
/// 0).
///
/// Equal steps of `u` are equal steps of the angle `phi`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosineSchedule {
    /// Bound on `|log_snr|`, positive; infinite for none.
    pub log_snr_max: f64,
}

impl Default for CosineSchedule {
    /// Clipped at 20.
    fn default() -> Self {
        Self { log_snr_max: 20.0 }
    }
}

impl CosineSchedule {
    /// Exactly clean at `u = 0` and exactly pure noise at `u = 1`.
    pub fn unclipped() -> Self {
        Self { log_snr_max: f64::INFINITY }
    }
}

impl NoiseSchedule for CosineSchedule {
    fn level(&self, u: f64) -> NoiseLevel {
        let level = quarter_turn(u.clamp(0.0, 1.0));
        if level.log_snr().abs() > self.log_snr_max {
            NoiseLevel::from_log_snr(self.log_snr_max.copysign(level.log_snr()))
        } else {
            level
        }
    }
}

/// `(cos, sin)(pi u / 2)`; the noisy half from `1 - u`, where cos would keep only absolute
/// precision.
fn quarter_turn(u: f64) -> NoiseLevel {
    if u <= 0.5 {
        let (sigma, alpha) = (FRAC_PI_2 * u).sin_cos();
        NoiseLevel::from_parts(alpha, sigma)
    } else {
        let (alpha, sigma) = (FRAC_PI_2 * (1.0 - u)).sin_cos();
        NoiseLevel::from_parts(alpha, sigma)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unclipped_ends_are_exact_and_clipped_ends_are_at_the_clip() {
        let unclipped = CosineSchedule::unclipped();
        assert_eq!(unclipped.level(0.0), NoiseLevel::CLEAN);
        assert_eq!(unclipped.level(1.0), NoiseLevel::PURE_NOISE);
        let clipped = CosineSchedule::default();
        assert_eq!(clipped.level(0.0).log_snr(), 20.0);
        assert_eq!(clipped.level(1.0).log_snr(), -20.0);
        assert_eq!(clipped.level(0.3), unclipped.level(0.3));
    }

    #[test]
    fn closed_form() {
        for k in 1..100 {
            let u = f64::from(k) / 100.0;
            let level = CosineSchedule::default().level(u);
            assert!((level.alpha() - (FRAC_PI_2 * u).cos()).abs() < 1e-15);
            assert!((level.phi() - FRAC_PI_2 * u).abs() < 1e-15);
            let log_snr = -2.0 * (FRAC_PI_2 * u).tan().ln();
            // tan near pi/2 amplifies rounding 100 times.
            assert!((level.log_snr() - log_snr).abs() < 1e-13);
        }
    }
}
