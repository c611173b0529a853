//! The sigmoid schedule on alpha_bar.

use super::NoiseSchedule;
use crate::NoiseLevel;

/// `abar(u) = (S(end) - S(x)) / (S(end) - S(start))` with `S(y) = logistic(y / tau)` and
/// `x = start + u (end - start)` (Jabri, Fleet & Chen 2022, arXiv:2212.11972; written out by Chen
/// 2023, arXiv:2301.10972, Algorithm 1). Without that algorithm's floor: `abar(1) = 0` exactly.
///
/// Not diffusers' "sigmoid", which is a schedule of betas from GeoDiff. Needs `end > start` and
/// `tau > 0`, all finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SigmoidSchedule {
    /// Left end of the stretch of the sigmoid in use.
    pub start: f64,
    /// Right end of the stretch of the sigmoid in use.
    pub end: f64,
    /// Temperature: smaller is steeper.
    pub tau: f64,
}

impl Default for SigmoidSchedule {
    /// The paper's usual stretch, -3 to 3 at temperature 1.
    fn default() -> Self {
        Self { start: -3.0, end: 3.0, tau: 1.0 }
    }
}

impl NoiseSchedule for SigmoidSchedule {
    fn level(&self, u: f64) -> NoiseLevel {
        let u = u.clamp(0.0, 1.0);
        let (start, end) = (self.start / self.tau, self.end / self.tau);
        let x = start + u * (end - start);
        let whole = rise(start, end, end - start);
        // Each square is a difference of its own; neither is computed as 1 minus the other.
        let alpha2 = rise(x, end, (1.0 - u) * (end - start)) / whole;
        let sigma2 = rise(start, x, u * (end - start)) / whole;
        NoiseLevel::from_squares(alpha2, sigma2)
    }
}

/// `logistic(b) - logistic(a)` where `b - a = width`, as `logistic(b) logistic(-a) (1 -
/// exp(-width))`: no cancellation.
fn rise(a: f64, b: f64, width: f64) -> f64 {
    logistic(b) * logistic(-a) * -(-width).exp_m1()
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_exact() {
        for schedule in
            [SigmoidSchedule::default(), SigmoidSchedule { start: 0.0, end: 3.0, tau: 0.7 }]
        {
            assert_eq!(schedule.level(0.0), NoiseLevel::CLEAN);
            assert_eq!(schedule.level(1.0), NoiseLevel::PURE_NOISE);
        }
    }

    #[test]
    fn closed_form() {
        for (start, end, tau) in [(-3.0, 3.0, 1.0), (0.0, 3.0, 0.7), (-3.0, 1.0, 1.1)] {
            let schedule = SigmoidSchedule { start, end, tau };
            let (v_start, v_end) = (logistic(start / tau), logistic(end / tau));
            for k in 1..100 {
                let u = f64::from(k) / 100.0;
                let output = logistic((u * (end - start) + start) / tau);
                let expected = (v_end - output) / (v_end - v_start);
                let level = schedule.level(u);
                assert!((level.alpha_bar() - expected).abs() < 1e-15);
                let total = level.alpha().powi(2) + level.sigma().powi(2);
                assert!((total - 1.0).abs() < 1e-15);
            }
        }
    }
}
