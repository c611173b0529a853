//! The posterior over a grid of jumps.

use halfstep_core::{NoiseLevel, posterior};

/// Clean to pure noise, both ends included.
fn levels() -> Vec<NoiseLevel> {
    let between = (-10..=10).rev().map(|k| NoiseLevel::from_log_snr(2.0 * f64::from(k)));
    let levels = std::iter::once(NoiseLevel::CLEAN).chain(between);
    levels.chain([NoiseLevel::PURE_NOISE]).collect()
}

fn assert_close(got: f64, want: f64) {
    // A few roundings of numbers of size one.
    assert!((got - want).abs() < 1e-14, "{got:e}, expected {want:e}");
}

#[test]
fn marginals_are_kept() {
    let levels = levels();
    for (r, &from) in levels.iter().enumerate().skip(1) {
        for &to in &levels[..r] {
            let jump = posterior(from, to);
            // z_s has mean alpha_s x0 and variance sigma_s^2 when z_r has alpha_r x0 and sigma_r^2.
            assert_close(jump.z_coef * from.alpha() + jump.x0_coef, to.alpha());
            let var = jump.z_coef.powi(2) * from.sigma().powi(2) + jump.variance;
            assert_close(var, to.sigma().powi(2));
            assert!(0.0 <= jump.variance && jump.variance <= jump.beta && jump.beta <= 1.0);
            let alpha_rs = from.alpha() / to.alpha();
            assert_close(jump.beta, 1.0 - alpha_rs * alpha_rs);
        }
    }
}

#[test]
fn two_jumps_compose_to_one() {
    let levels = levels();
    for r in 2..levels.len() {
        for t in 1..r {
            for s in 0..t {
                let first = posterior(levels[r], levels[t]);
                let second = posterior(levels[t], levels[s]);
                let whole = posterior(levels[r], levels[s]);
                assert_close(second.z_coef * first.z_coef, whole.z_coef);
                let x0_coef = second.z_coef * first.x0_coef + second.x0_coef;
                assert_close(x0_coef, whole.x0_coef);
                let variance = second.z_coef.powi(2) * first.variance + second.variance;
                assert_close(variance, whole.variance);
            }
        }
    }
}

#[test]
fn ends_are_exact() {
    for level in levels() {
        if level != NoiseLevel::PURE_NOISE {
            let jump = posterior(NoiseLevel::PURE_NOISE, level);
            assert_eq!((jump.z_coef, jump.beta), (0.0, 1.0));
            assert_close(jump.x0_coef, level.alpha());
            assert_close(jump.variance, level.sigma().powi(2));
        }
        if level != NoiseLevel::CLEAN {
            let jump = posterior(level, NoiseLevel::CLEAN);
            assert_eq!((jump.z_coef, jump.variance), (0.0, 0.0));
            assert_close(jump.x0_coef, 1.0);
        }
        let jump = posterior(level, level);
        assert_eq!((jump.z_coef, jump.x0_coef), (1.0, 0.0));
        assert_eq!((jump.variance, jump.beta), (0.0, 0.0));
    }
}

#[test]
fn short_jumps_keep_their_digits() {
    // beta of a step of d in log_snr is d sigma^2 (1 + O(d)), at either end of the process.
    let d = 1e-9;
    for log_snr in [-15.0, 0.0, 15.0] {
        let from = NoiseLevel::from_log_snr(log_snr);
        let to = NoiseLevel::from_log_snr(log_snr + d);
        let beta = posterior(from, to).beta;
        let expected = d * from.sigma().powi(2);
        // log_snr + d is rounded to 2e-15, a 2e-6 of d, and so is each level.
        assert!((beta / expected - 1.0).abs() < 1e-5, "{beta:e} {expected:e}");
    }
}
