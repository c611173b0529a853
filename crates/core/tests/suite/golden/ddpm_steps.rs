//! DDPM's ancestral steps: one at a time, and 16 trajectories.

use burn::tensor::DType;
use halfstep_core::{
    AncestralVariance, DiscreteSchedule, NoiseLevel, Prediction, X0Clip, ancestral_step, posterior,
};
use serde_json::Value;

use crate::support::*;

/// diffusers' fixed_small_log is fixed_small, kept as its logarithm until used.
fn variance(entry: &Value) -> AncestralVariance {
    match text(entry, "variance_type") {
        "fixed_small" | "fixed_small_log" => AncestralVariance::FixedSmall,
        "fixed_large" => AncestralVariance::FixedLarge,
        other => panic!("unknown variance {other}"),
    }
}

fn jump(schedule: &DiscreteSchedule, t: usize, stride: usize) -> (NoiseLevel, NoiseLevel) {
    let next = t.checked_sub(stride);
    let to = next.map_or(NoiseLevel::CLEAN, |next| schedule.at(next));
    (schedule.at(t), to)
}

fn check_variance(entry: &Value, from: NoiseLevel, to: NoiseLevel, what: &str) {
    let jump = posterior(from, to);
    let got = match variance(entry) {
        // diffusers' floor, before it drops the noise at t = 0.
        AncestralVariance::FixedSmall => jump.variance.max(1e-20),
        AncestralVariance::FixedLarge => jump.beta,
    };
    // diffusers' variances are differences from 1, good to a few roundings of 1.
    let tolerance = 1e-12 + 2.0 * f64::EPSILON * (1.0 / jump.beta + 1.0 / from.sigma().powi(2));
    let tolerance = match to.sigma() {
        0.0 => tolerance,
        sigma => tolerance + f64::EPSILON / sigma.powi(2),
    };
    let raw = match text(entry, "variance_type") {
        "fixed_small_log" => got.sqrt(),
        _ => got,
    };
    assert_relative(raw, number(entry, "raw_get_variance"), tolerance, format!("{what} raw"));
    let std = if to.sigma() == 0.0 { 0.0 } else { got.sqrt() };
    assert_close(&[std], &[number(entry, "std")], tolerance, format!("{what} std"));
}

#[test]
fn every_step() {
    let golden = fixture("d_ddpm");
    let mut steps = 0;
    for entry in list(&golden, "steps") {
        let t = index(entry, "t");
        let stride = 1000 / index(entry, "num_inference_steps");
        assert_eq!(number(entry, "prev_t"), (t as f64 - stride as f64).max(-1.0));
        assert!(!flag(entry, "clip_sample"));
        let (from, to) = jump(&schedule(entry), t, stride);
        let what = format!(
            "{} {} {} t={t}",
            entry["beta_schedule"], entry["variance_type"], entry["prediction_type"]
        );
        check_variance(entry, from, to, &what);
        for (dtype, tolerance) in FLOATS {
            let [z, output, noise] =
                ["x_t", "model_output", "noise"].map(|key| tensor(&numbers(&golden[key]), dtype));
            let p = Prediction::new(kind(entry), output, z, &[from]);
            let step = |noise| values(ancestral_step(&p, &[from], &[to], variance(entry), noise));
            let mean = step(noise.zeros_like());
            assert_close(&mean, &numbers(&entry["mean"]), tolerance, format!("{what} mean"));
            let sample = step(noise);
            assert_close(&sample, &numbers(&entry["sample"]), tolerance, format!("{what} sample"));
        }
        steps += 1;
    }
    assert_eq!(steps, 90);
}

#[test]
fn every_trajectory() {
    let golden = fixture("d_ddpm");
    let (mut runs, mut compared) = (0, 0);
    for (i, entry) in list(&golden, "trajectories").iter().enumerate() {
        let schedule = schedule(entry);
        let mut x = tensor(&numbers(&golden["x_T"]), DType::F64);
        let times = indices(&entry["timesteps"]);
        assert_eq!(times.len(), list(entry, "x").len());
        for (k, &t) in times.iter().enumerate() {
            let (from, to) = jump(&schedule, t, 100);
            let mut p = Prediction::new(kind(entry), toy_denoiser(&x, t), x, &[from]);
            if flag(entry, "clip_sample") {
                p = p.with_clip(X0Clip::Static { bound: 1.0 });
            }
            let noise = tensor(&numbers(&list(&golden, "noises")[k]), DType::F64);
            x = ancestral_step(&p, &[from], &[to], variance(entry), noise);
            let want = numbers(&list(entry, "x")[k]);
            assert_close(&values(x.clone()), &want, 1e-12, format!("trajectory {i} step {k}"));
            compared += 1;
        }
        runs += 1;
    }
    assert_eq!((runs, compared), (16, 160));
}
