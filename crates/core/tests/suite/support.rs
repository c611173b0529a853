//! Fixtures, tensors and comparisons.

use std::fmt::Display;
use std::path::Path;

use burn::tensor::{DType, Device, Tensor, TensorData};
use halfstep_core::{
    CosineSchedule, Denoiser, DiscreteSchedule, NoiseLevel, NoiseSchedule, PredictionType,
    TimePoint, ddim_step,
};
use serde_json::Value;

/// Both float types, each with the tolerance (relative to the largest magnitude) for a handful of
/// its roundings: f64 is held to 12 digits throughout, f32 to 5.
pub const FLOATS: [(DType, f64); 2] = [(DType::F64, 1e-12), (DType::F32, 1e-5)];

pub fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
        .with_extension("json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}

pub fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("no list `{key}`"))
}

pub fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("no number `{key}`"))
}

pub fn index(value: &Value, key: &str) -> usize {
    value[key].as_u64().unwrap_or_else(|| panic!("no index `{key}`")) as usize
}

pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no text `{key}`"))
}

pub fn flag(value: &Value, key: &str) -> bool {
    value[key].as_bool().unwrap_or_else(|| panic!("no flag `{key}`"))
}

pub fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().expect("a list of numbers");
    list.iter().map(|x| x.as_f64().expect("a number")).collect()
}

pub fn indices(value: &Value) -> Vec<usize> {
    let list = value.as_array().expect("a list of indices");
    list.iter().map(|x| x.as_u64().expect("an index") as usize).collect()
}

pub fn kind(entry: &Value) -> PredictionType {
    text(entry, "prediction_type").parse().unwrap()
}

/// The 1000-level schedule of a golden entry; betas that it does not state are diffusers' defaults,
/// 1e-4 to 0.02.
pub fn schedule(entry: &Value) -> DiscreteSchedule {
    let start = entry["beta_start"].as_f64().unwrap_or(0.0001);
    let end = entry["beta_end"].as_f64().unwrap_or(0.02);
    let schedule = match text(entry, "beta_schedule") {
        "linear" => DiscreteSchedule::linear(1000, start, end),
        "scaled_linear" => DiscreteSchedule::scaled_linear(1000, start, end),
        "squaredcos_cap_v2" => DiscreteSchedule::squaredcos_cap_v2(1000),
        other => panic!("unknown schedule {other}"),
    }
    .unwrap();
    match entry["rescale_betas_zero_snr"].as_bool() {
        Some(true) => schedule.rescale_zero_terminal_snr().unwrap(),
        _ => schedule,
    }
}

/// One image `[1, 1, 1, n]`.
pub fn tensor(values: &[f64], dtype: DType) -> Tensor<4> {
    batch(values, 1, dtype)
}

/// `[B, 1, 1, n / B]`.
pub fn batch(values: &[f64], batch: usize, dtype: DType) -> Tensor<4> {
    let data = TensorData::new(values.to_vec(), [batch, 1, 1, values.len() / batch]);
    Tensor::from_data(data, (&Device::flex(), dtype))
}

pub fn values(tensor: Tensor<4>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// diffusers' stand-in for a network in the golden trajectories: `tanh(0.3 x + 0.001 t)`.
pub fn toy_denoiser(z: &Tensor<4>, t: usize) -> Tensor<4> {
    (z.clone() * 0.3 + 0.001 * t as f64).tanh()
}

/// Deterministic values that look random, in `[-2, 2]`.
pub fn scatter(count: usize, salt: f64) -> Vec<f64> {
    (0..count).map(|i| 2.0 * (12.9898 * (i as f64 + 1.0) + 78.233 * salt).sin()).collect()
}

pub fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |max, x| x.abs().max(max))
}

/// Each value within `tolerance` times the largest magnitude expected.
#[track_caller]
pub fn assert_close(got: &[f64], want: &[f64], tolerance: f64, what: impl Display) {
    assert_within(got, want, tolerance * largest(want), what);
}

/// Each value within `bound`.
#[track_caller]
pub fn assert_within(got: &[f64], want: &[f64], bound: f64, what: impl Display) {
    assert_eq!(got.len(), want.len(), "{what}: length");
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let error = (got - want).abs();
        assert!(
            error <= bound,
            "{what}[{i}]: {got:e}, expected {want:e}, off by {error:e} > {bound:e}"
        );
    }
}

/// One number within a relative `tolerance`.
#[track_caller]
pub fn assert_relative(got: f64, want: f64, tolerance: f64, what: impl Display) {
    assert_close(&[got], &[want], tolerance, what);
}

/// The golden convergence grids on the cosine schedule: N + 1 levels from u = t_start to t_end,
/// uniform in u or in lambda.
pub fn cosine_grid(golden: &Value, spacing: &str, steps: usize) -> Vec<NoiseLevel> {
    let schedule = CosineSchedule::unclipped();
    let (start, end) = (number(golden, "t_start"), number(golden, "t_end"));
    let (first, last) = (schedule.level(start), schedule.level(end));
    (0..=steps)
        .map(|i| {
            let part = i as f64 / steps as f64;
            match spacing {
                "t-uniform" => schedule.level(start + part * (end - start)),
                "lambda-uniform" => NoiseLevel::from_log_snr(
                    first.log_snr() + part * (last.log_snr() - first.log_snr()),
                ),
                other => panic!("unknown spacing {other}"),
            }
        })
        .collect()
}

/// A time point for an oracle, which looks at the level only.
pub fn at(level: NoiseLevel) -> TimePoint {
    TimePoint { t: f64::NAN, level }
}

/// DDIM down the levels with an oracle.
pub fn ddim(oracle: &dyn Denoiser, z: Tensor<4>, levels: &[NoiseLevel]) -> Tensor<4> {
    levels.windows(2).fold(z, |z, pair| {
        let p = oracle.predict(z, &[at(pair[0])]);
        ddim_step(&p, &[pair[0]], &[pair[1]], 0.0, None)
    })
}

/// Reproduces the DDIM rows of a golden convergence table with exact ODE end `exact`; returns how
/// many numbers.
///
/// The table's other rows (Heun, DPM-Solver++) belong to samplers, which are not in this crate.
pub fn check_ddim_convergence(golden: &Value, oracle: &dyn Denoiser, exact: &[f64]) -> usize {
    let start = numbers(&golden["x_T"]);
    let mut checked = 0;
    for spacing in ["t-uniform", "lambda-uniform"] {
        let row = &golden["convergence"][format!("ddim/{spacing}")];
        let expected = numbers(&row["max_abs_err"]);
        let mut errors = Vec::new();
        for (&steps, want) in indices(&row["N"]).iter().zip(&expected) {
            let levels = cosine_grid(golden, spacing, steps);
            let end = values(ddim(oracle, tensor(&start, DType::F64), &levels));
            let differences: Vec<_> = end.iter().zip(exact).map(|(x, y)| x - y).collect();
            // The end is good to 12 digits, and its error is what is left after subtracting the
            // exact end.
            assert_within(&[largest(&differences)], &[*want], 1e-12, format!("{spacing} {steps}"));
            errors.push(largest(&differences));
            checked += 1;
        }
        let orders = errors.windows(2).map(|pair| (pair[0] / pair[1]).log2());
        let orders: Vec<_> = orders.collect();
        // An error of 1e-12 in errors down to 2.5e-4.
        assert_within(&orders, &numbers(&row["observed_order"]), 1e-8, "order");
        let last = orders.last().unwrap();
        assert!((last - 1.0).abs() < 0.01, "DDIM is of order 1, measured {last}");
    }
    checked
}
