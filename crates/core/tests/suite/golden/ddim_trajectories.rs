//! 151 ten-step DDIM trajectories.

use burn::tensor::{DType, Tensor};
use halfstep_core::{DiscreteSchedule, NoiseLevel, Prediction, X0Clip, ddim_step, timesteps};
use serde_json::Value;

use crate::support::*;

/// diffusers' next level: time `t - 1000 / 10`, whatever time is listed next; below 0 clean, or
/// `alphas_cumprod[0]`.
fn next_level(schedule: &DiscreteSchedule, t: usize, set_alpha_to_one: bool) -> NoiseLevel {
    match (t.checked_sub(100), set_alpha_to_one) {
        (Some(next), _) => schedule.at(next),
        (None, true) => NoiseLevel::CLEAN,
        (None, false) => schedule.at(0),
    }
}

/// x after every step, and the last x0.
fn trajectory(golden: &Value, entry: &Value, dtype: DType) -> (Vec<Vec<f64>>, Vec<f64>) {
    let schedule = schedule(entry);
    let eta = number(entry, "eta");
    let times = indices(&entry["timesteps"]);
    let spacing = serde_json::from_value(entry["timestep_spacing"].clone()).unwrap();
    assert_eq!(timesteps(spacing, 10, 1000, index(entry, "steps_offset")).unwrap(), times);
    let mut x = tensor(&numbers(&golden["x_T"]), dtype);
    let (mut steps, mut last_x0) = (Vec::new(), Vec::new());
    for (&t, noise) in times.iter().zip(list(golden, "noises")) {
        let from = schedule.at(t);
        let to = next_level(&schedule, t, flag(entry, "set_alpha_to_one"));
        let mut p = Prediction::new(kind(entry), toy_denoiser(&x, t), x, &[from]);
        if flag(entry, "clip_sample") {
            p = p.with_clip(X0Clip::Static { bound: 1.0 });
        }
        let noise: Option<Tensor<4>> = (eta > 0.0).then(|| tensor(&numbers(noise), dtype));
        x = ddim_step(&p, &[from], &[to], eta, noise);
        last_x0 = values(p.x0());
        steps.push(values(x.clone()));
    }
    (steps, last_x0)
}

fn name(i: usize, entry: &Value) -> String {
    let keys = ["beta_schedule", "timestep_spacing", "prediction_type", "clip_sample", "eta"];
    let values = keys.map(|key| entry[key].to_string());
    format!("entry {i}: {}", values.join(" "))
}

#[test]
fn every_trajectory_in_f64() {
    let golden = fixture("c_ddim");
    let (mut runs, mut compared) = (0, 0);
    for (i, entry) in list(&golden, "entries").iter().enumerate() {
        let (steps, last_x0) = trajectory(&golden, entry, DType::F64);
        // At eta = 1 diffusers subtracts btilde from sigma^2, nearly equal near pure noise, and is
        // itself good to 1e-12 only.
        let tolerance = if number(entry, "eta") == 0.0 { 1e-12 } else { 3e-12 };
        let expected = list(entry, "x");
        assert_eq!(steps.len(), expected.len());
        for (k, (got, want)) in steps.iter().zip(expected).enumerate() {
            let what = format!("{} step {k}", name(i, entry));
            assert_close(got, &numbers(want), tolerance, what);
            compared += 1;
        }
        let want = numbers(&entry["last_pred_original_sample"]);
        assert_close(&last_x0, &want, tolerance, format!("{} last x0", name(i, entry)));
        runs += 1;
    }
    assert_eq!((runs, compared), (151, 1510));
}

#[test]
fn every_end_in_f32() {
    let golden = fixture("c_ddim");
    let mut runs = 0;
    for (i, entry) in list(&golden, "entries").iter().enumerate() {
        let (steps, _) = trajectory(&golden, entry, DType::F32);
        let got = steps.last().unwrap();
        let exact = numbers(list(entry, "x").last().unwrap());
        assert_close(got, &exact, 1e-5, format!("{} against f64", name(i, entry)));
        // diffusers makes its schedule in f32 too, and ends up to 1.4e-5 from its own f64 run.
        let shipped = numbers(&entry["final_f32"]);
        assert_close(got, &shipped, 2e-5, format!("{} against f32", name(i, entry)));
        runs += 1;
    }
    assert_eq!(runs, 151);
}
