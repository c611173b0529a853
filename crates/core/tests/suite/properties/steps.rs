//! The one-step updates against each other.

use burn::tensor::{DType, Tensor};
use halfstep_core::{
    AncestralVariance, NoiseLevel, Prediction, PredictionType, ancestral_step, angular_step,
    ddim_step, posterior,
};

use crate::support::*;

const PIXELS: usize = 6;

/// Every jump of a grid with both ends, as the two lists of a batch.
fn jumps() -> (Vec<NoiseLevel>, Vec<NoiseLevel>) {
    let between = (-6..=6).rev().map(|k| NoiseLevel::from_log_snr(2.0 * f64::from(k)));
    let levels: Vec<_> =
        std::iter::once(NoiseLevel::CLEAN).chain(between).chain([NoiseLevel::PURE_NOISE]).collect();
    let pairs = (1..levels.len()).flat_map(|r| (0..r).map(move |s| (r, s)));
    pairs.map(|(r, s)| (levels[r], levels[s])).unzip()
}

fn random(salt: f64, count: usize, dtype: DType) -> Tensor<4> {
    batch(&scatter(count * PIXELS, salt), count, dtype)
}

#[test]
fn ddim_is_the_angular_step() {
    let (from, to) = jumps();
    for (dtype, tolerance) in FLOATS {
        let z = random(1.0, from.len(), dtype);
        let v = random(2.0, from.len(), dtype);
        let p = Prediction::new(PredictionType::VPrediction, v.clone(), z.clone(), &from);
        let expected = values(angular_step(v, z.clone(), &from, &to));
        let got = values(ddim_step(&p, &from, &to, 0.0, None));
        assert_close(&got, &expected, tolerance, format!("v {dtype:?}"));
        // As x0 it divides by sigma_r and multiplies by sigma_s, which is smaller.
        let p = Prediction::new(PredictionType::Sample, p.x0(), z.clone(), &from);
        let got = values(ddim_step(&p, &from, &to, 0.0, None));
        assert_close(&got, &expected, tolerance, format!("x0 {dtype:?}"));
    }
}

#[test]
fn ddim_from_eps_is_the_angular_step_where_alpha_is_positive() {
    let (from, to) = jumps();
    let kept = from.iter().zip(&to).filter(|(from, _)| from.alpha() > 0.0);
    let (from, to): (Vec<_>, Vec<_>) = kept.map(|(a, b)| (*a, *b)).unzip();
    for (dtype, tolerance) in FLOATS {
        let z = random(1.0, from.len(), dtype);
        let eps = random(2.0, from.len(), dtype);
        let p = Prediction::new(PredictionType::Epsilon, eps, z.clone(), &from);
        let got = values(ddim_step(&p, &from, &to, 0.0, None));
        let expected = values(angular_step(p.v(), z, &from, &to));
        // Values reach 1 / alpha = 400, and errors with them: both are relative to the largest.
        assert_close(&got, &expected, tolerance, format!("eps {dtype:?}"));
    }
}

#[test]
fn ddim_at_eta_one_is_ddpm_with_the_small_variance() {
    let (from, to) = jumps();
    for (dtype, tolerance) in FLOATS {
        let z = random(1.0, from.len(), dtype);
        let v = random(2.0, from.len(), dtype);
        let noise = random(3.0, from.len(), dtype);
        let p = Prediction::new(PredictionType::VPrediction, v, z, &from);
        let ddim = ddim_step(&p, &from, &to, 1.0, Some(noise.clone()));
        let ddpm = ancestral_step(&p, &from, &to, AncestralVariance::FixedSmall, noise);
        assert_close(&values(ddim), &values(ddpm), tolerance, format!("{dtype:?}"));
    }
}

#[test]
fn any_eta_keeps_the_marginal_variance() {
    // With x0 = 0 and z = sigma_r, eps is 1 and the step is the factor on eps.
    let (from, to) = jumps();
    let sigmas: Vec<_> = from.iter().map(NoiseLevel::sigma).collect();
    let z = batch(&sigmas, from.len(), DType::F64);
    let p = Prediction::new(PredictionType::Sample, z.zeros_like(), z, &from);
    for eta in [0.0, 0.3, 0.8, 1.0] {
        let on_eps = values(ddim_step(&p, &from, &to, eta, None));
        for (i, on_eps) in on_eps.iter().enumerate() {
            let added = eta * eta * posterior(from[i], to[i]).variance;
            let total = on_eps.powi(2) + added;
            assert!((total - to[i].sigma().powi(2)).abs() < 1e-14, "eta = {eta}, jump {i}");
        }
    }
}

#[test]
fn noise_is_scaled_by_the_variance_and_none_is_zeros() {
    let (from, to) = jumps();
    let dtype = DType::F64;
    let (z, v) = (random(1.0, from.len(), dtype), random(2.0, from.len(), dtype));
    let noise = random(3.0, from.len(), dtype);
    let p = Prediction::new(PredictionType::VPrediction, v, z, &from);
    for eta in [0.0, 0.3, 1.0] {
        let with = values(ddim_step(&p, &from, &to, eta, Some(noise.clone())));
        let without = values(ddim_step(&p, &from, &to, eta, None));
        let zeros = values(ddim_step(&p, &from, &to, eta, Some(noise.zeros_like())));
        assert_eq!(without, zeros);
        let noise = values(noise.clone());
        for i in 0..with.len() {
            let (from, to) = (from[i / PIXELS], to[i / PIXELS]);
            let std = eta * posterior(from, to).variance.sqrt();
            assert!((with[i] - without[i] - std * noise[i]).abs() < 1e-13);
        }
    }
}

#[test]
fn ancestral_noise_has_the_variance_named_and_none_at_the_end() {
    let (from, to) = jumps();
    let dtype = DType::F64;
    let (z, v) = (random(1.0, from.len(), dtype), random(2.0, from.len(), dtype));
    let noise = random(3.0, from.len(), dtype);
    let p = Prediction::new(PredictionType::VPrediction, v, z, &from);
    for variance in [AncestralVariance::FixedSmall, AncestralVariance::FixedLarge] {
        let with = values(ancestral_step(&p, &from, &to, variance, noise.clone()));
        let without = values(ancestral_step(&p, &from, &to, variance, noise.zeros_like()));
        let (noise, x0) = (values(noise.clone()), values(p.x0()));
        for i in 0..with.len() {
            let (from, to) = (from[i / PIXELS], to[i / PIXELS]);
            let jump = posterior(from, to);
            let var = match variance {
                _ if to == NoiseLevel::CLEAN => 0.0,
                AncestralVariance::FixedSmall => jump.variance,
                AncestralVariance::FixedLarge => jump.beta,
            };
            assert!((with[i] - without[i] - var.sqrt() * noise[i]).abs() < 1e-13);
            if to == NoiseLevel::CLEAN {
                assert!((with[i] - x0[i]).abs() < 1e-13, "the last step lands on x0");
            }
        }
    }
}

#[test]
fn one_level_is_shared_by_the_batch() {
    let (from, to) = (NoiseLevel::from_log_snr(-2.0), NoiseLevel::from_log_snr(1.0));
    let dtype = DType::F32;
    let (z, v) = (random(1.0, 3, dtype), random(2.0, 3, dtype));
    let each = values(angular_step(v.clone(), z.clone(), &[from; 3], &[to; 3]));
    for (from, to) in
        [(&[from][..], &[to][..]), (&[from; 3][..], &[to][..]), (&[from][..], &[to; 3][..])]
    {
        assert_eq!(values(angular_step(v.clone(), z.clone(), from, to)), each);
    }
}

#[test]
fn variance_names_are_diffusers_names() {
    let name = |variance| serde_json::to_value::<AncestralVariance>(variance).unwrap();
    assert_eq!(name(AncestralVariance::FixedSmall), "fixed_small");
    assert_eq!(name(AncestralVariance::FixedLarge), "fixed_large");
}
