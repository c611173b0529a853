//! DDPM's linear betas in the limit of many steps.

use super::NoiseSchedule;
use crate::NoiseLevel;

/// `abar = exp(-10 u^2)`: the limit of Ho et al. 2020 (arXiv:2006.11239), whose per-step `alpha_t =
/// sqrt(1 - 0.02 t / T)` at T = 1000. Ends at `abar(1) = exp(-10)`, not at pure noise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DdpmContinuousSchedule;

impl NoiseSchedule for DdpmContinuousSchedule {
    fn level(&self, u: f64) -> NoiseLevel {
        let u = u.clamp(0.0, 1.0);
        let log_alpha_bar = -10.0 * u * u;
        NoiseLevel::from_squares(log_alpha_bar.exp(), -log_alpha_bar.exp_m1())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DiscreteSchedule;

    #[test]
    fn closed_form() {
        assert_eq!(DdpmContinuousSchedule.level(0.0), NoiseLevel::CLEAN);
        for k in 1..=100 {
            let u = f64::from(k) / 100.0;
            let level = DdpmContinuousSchedule.level(u);
            assert!((level.alpha_bar() / (-10.0 * u * u).exp() - 1.0).abs() < 1e-14);
            assert!((level.snr() * (10.0 * u * u).exp_m1() - 1.0).abs() < 1e-14);
        }
    }

    #[test]
    fn is_the_limit_of_linear_betas() {
        // The ramp starts at 1e-4, not at 0: 0.1 u more in -ln abar, at most 0.014 in abar.
        let discrete = DiscreteSchedule::linear(1000, 0.0001, 0.02).unwrap();
        for t in (0..1000).step_by(50) {
            let limit = DdpmContinuousSchedule.level((t as f64 + 1.0) / 1000.0);
            assert!((discrete.at(t).alpha_bar() - limit.alpha_bar()).abs() < 0.02);
        }
    }
}
