//! Analytic-DPM as a sampler: the table of variances made by another program.

use std::sync::Arc;

use halfstep_core::{
    NoiseLevel, TimePoint, analytic_variance, noise_clip, posterior_data_variance,
};
use halfstep_sample::{
    AnalyticDpm, AnalyticStatistics, Jump, SampleError, SamplerKind, SamplerOptions,
};

use crate::oracles::*;
use crate::support::*;
use crate::variance::moments;

/// V of the exact Gaussian: from its Gamma, and at alpha = 0 its own variance.
fn statistics(last_clip: Option<f64>) -> AnalyticStatistics {
    let oracle = gaussian();
    AnalyticStatistics {
        posterior_data_variance: Arc::new(move |point| {
            let level = point.level;
            let eps_norm2 = oracle.gamma(level) * level.sigma().powi(2);
            let mean = oracle.var().iter().sum::<f64>() / oracle.var().len() as f64;
            posterior_data_variance(level, eps_norm2).unwrap_or(mean)
        }),
        linear_betas: false,
        last_clip,
    }
}

fn sampler(eta: f64) -> AnalyticDpm {
    AnalyticDpm {
        name: "analytic",
        eta,
        statistics: statistics(Some(0.0)),
        half_range: f64::INFINITY,
        clip: None,
    }
}

/// The `ancestral` table has the last step's noise in it, which a sampler does not add to a picture.
#[test]
fn ancestral_table() {
    let golden = core_fixture("x_exact_gaussian");
    let mut checked = 0;
    for entry in list(&golden, "ancestral") {
        let steps = index(entry, "N");
        let grid = from_pure_noise(steps);
        let analytic = sampler(1.0);
        let (_, mut var) = moments(&analytic, &grid);
        let last = Jump { index: steps - 1, from: grid[steps - 1], to: grid[steps] };
        let last = analytic.std(Jump { to: TimePoint { t: f64::NAN, ..last.to }, ..last }).powi(2);
        var.iter_mut().for_each(|var| *var += last);
        // 1 - sigma^2 Gamma near pure noise loses digits, as the closed form does.
        assert_close(&var, &numbers(&entry["analytic_isotropic"]), 1e-10, format!("N = {steps}"));

        let (_, var) = moments(build(by_name("ddpm"), 0).as_ref(), &grid);
        assert_close(&var, &numbers(&entry["fixed_small"]), 1e-10, format!("small, N = {steps}"));
        checked += 1;
    }
    assert_eq!(checked, 5);
}

/// The mean variance over dimensions, at each jump, is exact.
#[test]
fn std_is_the_closed_form() {
    let oracle = gaussian();
    let grid = from_pure_noise(7);
    for pair in grid.windows(2).take(6) {
        let jump = Jump { index: 0, from: pair[0], to: pair[1] };
        let exact = oracle.exact_reverse_var(pair[0].level, pair[1].level);
        let mean = exact.iter().sum::<f64>() / exact.len() as f64;
        assert_relative(sampler(1.0).std(jump).powi(2), mean, 1e-10, "Analytic-DDPM");
        let v = (statistics(None).posterior_data_variance)(pair[0]);
        let ddim = analytic_variance(pair[0].level, pair[1].level, 0.0, v, f64::INFINITY);
        assert_relative(sampler(0.0).std(jump).powi(2), ddim.value, 1e-12, "Analytic-DDIM");
    }
}

#[test]
fn the_noise_into_the_first_training_time_is_limited() {
    let from = at(NoiseLevel::from_log_snr(-2.0));
    let to = |t: f64| TimePoint { t, level: NoiseLevel::from_log_snr(1.0) };
    let std = |eta, linear_betas, last_clip, t| {
        let statistics = AnalyticStatistics { linear_betas, ..statistics(last_clip) };
        let jump = Jump { index: 0, from, to: to(t) };
        AnalyticDpm { statistics, ..sampler(eta) }.std(jump)
    };
    assert_eq!(std(1.0, true, None, 0.0), noise_clip(2.0));
    assert_eq!(std(1.0, false, None, 0.0), noise_clip(1.0));
    assert_eq!(std(0.0, true, None, 0.0), noise_clip(1.0));
    assert_eq!(std(0.0, true, Some(3.0), 0.0), noise_clip(3.0));
    let free = std(1.0, true, None, 1.0);
    assert!(free > 10.0 * noise_clip(2.0));
    assert_eq!(std(1.0, true, Some(0.0), 0.0), free);
}

#[test]
fn without_gamma_it_is_refused() {
    for name in ["analytic-ddpm", "analytic-ddim"] {
        let kind: SamplerKind = by_name(name);
        let Err(error) = kind.build(&SamplerOptions::default()) else { panic!("{name}") };
        assert!(matches!(error, SampleError::NeedsGamma { sampler } if sampler == name));
        let message = error.to_string();
        assert!(message.contains(name) && message.contains("Gamma"), "{message}");
    }
}
