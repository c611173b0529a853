//! Analytic-DPM's variance against closed forms, the paper's own form and its bounds.
//!
//! The golden rows themselves are in `golden::gaussian_oracle`.

use halfstep_core::{
    GaussianOracle, NoiseLevel, analytic_variance, noise_clip, posterior, posterior_data_variance,
};

use crate::golden::gaussian_oracle;
use crate::support::*;

const ETAS: [f64; 3] = [0.0, 0.5, 1.0];

/// Clean to pure noise, both ends included.
fn levels() -> Vec<NoiseLevel> {
    let between = (-8..=8).rev().map(|k| NoiseLevel::from_log_snr(f64::from(k)));
    let levels = std::iter::once(NoiseLevel::CLEAN).chain(between);
    levels.chain([NoiseLevel::PURE_NOISE]).collect()
}

/// Every jump between two of them, noisier first.
fn jumps() -> Vec<(NoiseLevel, NoiseLevel)> {
    let levels = levels();
    let pairs = (1..levels.len()).flat_map(|r| (0..r).map(move |s| (r, s)));
    pairs.map(|(r, s)| (levels[r], levels[s])).collect()
}

fn golden_oracle() -> GaussianOracle {
    gaussian_oracle::oracle(&fixture("x_exact_gaussian"))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The square root in both: `sqrt(sigma_s^2 - lambda^2)`, subtracted as the paper writes it.
fn on_eps(from: NoiseLevel, to: NoiseLevel, eta: f64) -> f64 {
    let lambda2 = eta * eta * posterior(from, to).variance;
    (to.sigma().powi(2) - lambda2).max(0.0).sqrt()
}

#[test]
fn ddpm_on_a_gaussian_has_the_mean_of_the_exact_variances() {
    let oracle = golden_oracle();
    for (from, to) in jumps() {
        let exact = mean(&oracle.exact_reverse_var(from, to));
        let v = oracle.optimal_x0_mse(from);
        let got = analytic_variance(from, to, 1.0, v, f64::INFINITY).value;
        let what = format!("{} -> {}", from.log_snr(), to.log_snr());
        assert_relative(got, exact, 1e-12, &what);
        // Through Gamma, 1 - sigma^2 Gamma loses as many digits as 1 / alpha^2 has.
        let eps_norm2 = from.sigma().powi(2) * oracle.gamma(from);
        if let Some(v) = posterior_data_variance(from, eps_norm2) {
            let got = analytic_variance(from, to, 1.0, v, f64::INFINITY).value;
            assert_relative(got, exact, 1e-10, &what);
        }
    }
}

/// For any eta, the variance left in `z_s` beyond the mean of a DDIM step, from second moments.
#[test]
fn any_eta_keeps_the_mean_variance_of_a_gaussian() {
    let oracle = golden_oracle();
    for (from, to) in jumps() {
        for eta in ETAS {
            let v = oracle.optimal_x0_mse(from);
            let added = analytic_variance(from, to, eta, v, f64::INFINITY).value;
            // x0_hat and eps_hat are lines in z, so the step's mean is a gain times z.
            let after =
                oracle.var().iter().zip(oracle.marginal_var(from)).map(|(var, marginal)| {
                    let on_x0 = to.alpha() * from.alpha() * var;
                    let gain = (on_x0 + on_eps(from, to, eta) * from.sigma()) / marginal;
                    gain * gain * marginal + added
                });
            let after = mean(&after.collect::<Vec<_>>());
            let exact = mean(&oracle.marginal_var(to));
            assert_relative(after, exact, 1e-10, format!("{from:?} -> {to:?} eta {eta}"));
        }
    }
}

/// `lambda^2 + (sigma_r / alpha_rs - sqrt(sigma_s^2 - lambda^2))^2 (1 - sigma_r^2 Gamma)`, given
/// the square root.
fn bracket_form(from: NoiseLevel, to: NoiseLevel, eta: f64, eps_norm2: f64, root: f64) -> f64 {
    let lambda2 = eta * eta * posterior(from, to).variance;
    let bracket = from.sigma() * to.alpha() / from.alpha() - root;
    lambda2 + bracket * bracket * (1.0 - eps_norm2)
}

#[test]
fn it_is_the_bracket_form_where_alpha_is_positive() {
    let mut checked = 0;
    for (from, to) in jumps().into_iter().filter(|(from, _)| from.alpha() > 0.0) {
        for eta in ETAS {
            for eps_norm2 in [0.0, 0.1, 0.5, 0.9, 1.0] {
                let root = on_eps(from, to, eta);
                let want = bracket_form(from, to, eta, eps_norm2, root);
                let v = posterior_data_variance(from, eps_norm2).unwrap();
                let got = analytic_variance(from, to, eta, v, f64::INFINITY).value;
                // The bracket is a difference of numbers of size sigma_r / alpha_rs.
                let size = (from.sigma() * to.alpha() / from.alpha()).powi(2);
                assert!((got - want).abs() < 1e-14 * size.max(1.0), "{from:?} -> {to:?} {eta}");
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 153 * 15);
}

/// Some notes on the paper miss the bars: `sqrt(beta_n / alpha_n) - sqrt(beta_{n-1}) -
/// lambda_n^2`, with the betas of single steps for those of the whole way.
#[test]
fn the_form_with_missing_bars_is_wrong() {
    let oracle = golden_oracle();
    let schedule = halfstep_core::DiscreteSchedule::linear(1000, 1e-4, 0.02).unwrap();
    let betas = schedule.betas();
    for t in [1, 10, 100, 300] {
        let (from, to) = (schedule.at(t), schedule.at(t - 1));
        let eps_norm2 = from.sigma().powi(2) * oracle.gamma(from);
        let exact = mean(&oracle.exact_reverse_var(from, to));
        let right = bracket_form(from, to, 1.0, eps_norm2, on_eps(from, to, 1.0));
        assert_relative(right, exact, 1e-7, format!("t = {t}, with bars"));
        let lambda2 = posterior(from, to).variance;
        let bracket = (betas[t] / (1.0 - betas[t])).sqrt() - betas[t - 1].sqrt() - lambda2;
        let wrong = lambda2 + bracket * bracket * (1.0 - eps_norm2);
        let error = (wrong / exact - 1.0).abs();
        assert!(error > 1e-3, "t = {t}, without bars: off by {error:e} only");
    }
}

#[test]
fn bounds_hold_and_values_beyond_them_are_clamped() {
    for (from, to) in jumps() {
        for eta in ETAS {
            let of = |v: f64| analytic_variance(from, to, eta, v, 1.0);
            let inside = of(0.3);
            assert_eq!(inside.lower, eta * eta * posterior(from, to).variance);
            assert!(inside.lower <= inside.value && inside.value <= inside.upper, "{inside:?}");
            assert_eq!(of(-0.1).value, inside.lower);
            assert_eq!(of(0.0).value, inside.lower);
            assert_eq!(of(1e9).value, inside.upper);
            // The largest V that Gamma >= 0 allows, and the largest that data in [-1, 1] does.
            let largest = from.karras_sigma().powi(2).min(1.0);
            assert_relative(of(largest).value, inside.upper, 1e-14, "the upper bound");
            let unbounded = analytic_variance(from, to, eta, 0.3, f64::INFINITY);
            assert!(unbounded.upper >= inside.upper);
            assert_eq!(unbounded.upper.is_finite(), from.alpha() > 0.0);
        }
    }
}

#[test]
fn from_pure_noise_it_is_the_variance_of_the_data() {
    let oracle = golden_oracle();
    let v = mean(oracle.var());
    assert_relative(oracle.optimal_x0_mse(NoiseLevel::PURE_NOISE), v, 1e-15, "V at alpha = 0");
    for to in levels() {
        if to == NoiseLevel::PURE_NOISE {
            continue;
        }
        for eta in ETAS {
            let got = analytic_variance(NoiseLevel::PURE_NOISE, to, eta, v, f64::INFINITY).value;
            let want = eta * eta * to.sigma().powi(2) + to.alpha().powi(2) * v;
            assert_relative(got, want, 1e-14, format!("{to:?} eta {eta}"));
        }
    }
    assert_eq!(posterior_data_variance(NoiseLevel::PURE_NOISE, 1.0), None);
}

#[test]
fn ends_and_jumps_of_no_length() {
    for level in levels() {
        for eta in ETAS {
            let still = analytic_variance(level, level, eta, 0.3, 1.0);
            assert_eq!((still.value, still.lower, still.upper), (0.0, 0.0, 0.0));
            if level != NoiseLevel::CLEAN {
                let last = analytic_variance(level, NoiseLevel::CLEAN, eta, 1e-4, 1.0);
                assert_relative(last.value, 1e-4, 1e-14, "V itself");
                assert_eq!(last.lower, 0.0);
            }
        }
    }
    assert_eq!(posterior_data_variance(NoiseLevel::CLEAN, 0.5), Some(0.0));
}

/// A step of d in log_snr at eta = 0 turns by `d alpha sigma / 2`, and c is its sine over sigma.
#[test]
fn short_steps_keep_their_digits() {
    let d = 1e-9;
    for log_snr in [-15.0, 0.0, 15.0] {
        let from = NoiseLevel::from_log_snr(log_snr);
        let to = NoiseLevel::from_log_snr(log_snr + d);
        let v = 1e-7; // below sigma^2 / alpha^2 everywhere here
        let got = analytic_variance(from, to, 0.0, v, f64::INFINITY).value;
        let expected = v * (d * from.alpha() / 2.0).powi(2);
        // log_snr + d is rounded to 2e-15, a 2e-6 of d; the value is a square.
        assert!((got / expected - 1.0).abs() < 2e-5, "{got:e} {expected:e}");
    }
}

/// The mean of |N(0, 1)| is sqrt(2 / pi): the mean shift is y grey levels of 2 / 255.
#[test]
fn the_clip_is_y_grey_levels() {
    for y in [1.0, 2.0] {
        let shift = noise_clip(y) * (2.0 / std::f64::consts::PI).sqrt();
        assert!((shift / (y * 2.0 / 255.0) - 1.0).abs() < 1e-15);
    }
}
