//! A student equal to its target lands where the teacher's two steps land.

use burn::tensor::{DType, Tensor};
use halfstep_core::{
    CosineSchedule, Denoiser, DiscreteSchedule, GaussianOracle, NoiseLevel, NoiseSchedule,
    Prediction, PredictionType, angular_step, ddim_step, distillation_target,
    distillation_target_x0, predict_x0,
};

use crate::support::*;

const PIXELS: usize = 4;

fn teacher() -> GaussianOracle {
    GaussianOracle::new(vec![0.3, -0.2, 0.0, 0.5], vec![0.04, 0.25, 1.0, 4.0]).unwrap()
}

/// Levels u, u' and u'' of every step of an N-step student: `u = i/N`, half a step, a step; u = 1
/// and u'' = 0 included.
fn levels(schedule: &dyn NoiseSchedule, steps: usize) -> [Vec<NoiseLevel>; 3] {
    [0, 1, 2].map(|half| {
        (1..=steps).map(|i| schedule.level((2 * i - half) as f64 / (2 * steps) as f64)).collect()
    })
}

fn points(levels: &[NoiseLevel]) -> Vec<halfstep_core::TimePoint> {
    levels.iter().copied().map(at).collect()
}

/// The teacher's two steps for a whole batch, and its two predictions.
fn two_steps(z: &Tensor<4>, levels: &[Vec<NoiseLevel>; 3]) -> (Tensor<4>, Prediction, Prediction) {
    let [from, mid, to] = levels;
    let first = teacher().predict(z.clone(), &points(from));
    let z_mid = ddim_step(&first, from, mid, 0.0, None);
    let second = teacher().predict(z_mid, &points(mid));
    let z_end = ddim_step(&second, mid, to, 0.0, None);
    (z_end, first, second)
}

fn schedules() -> Vec<Box<dyn NoiseSchedule>> {
    let linear = DiscreteSchedule::linear(1024, 1e-4, 0.02).unwrap();
    vec![
        Box::new(CosineSchedule::unclipped()),
        Box::new(CosineSchedule::default()),
        Box::new(linear.rescale_zero_terminal_snr().unwrap()),
    ]
}

/// N = 1, 2, 4, ..., 512: the teacher of the last still has a level of its own at every half step
/// of 1024.
fn student_steps() -> impl Iterator<Item = usize> {
    (0..10).map(|k| 1 << k)
}

#[test]
fn a_student_on_target_lands_on_the_teachers_end() {
    for schedule in schedules() {
        for steps in student_steps() {
            let levels = levels(schedule.as_ref(), steps);
            let [from, _, to] = &levels;
            // f32: a rounding of z, up to 2 in size; f64 likewise.
            for (dtype, tolerance) in [(DType::F32, 1e-6), (DType::F64, 1e-14)] {
                let z = batch(&scatter(steps * PIXELS, 1.0), steps, dtype);
                let (z_end, _, _) = two_steps(&z, &levels);
                let v = distillation_target(z.clone(), z_end.clone(), from, to);
                let student =
                    Prediction::new(PredictionType::VPrediction, v.clone(), z.clone(), from);
                let want = values(z_end);
                let tolerance = tolerance * largest(&want).max(1.0);
                let what = format!("{steps} steps {dtype:?}");
                let landed = values(angular_step(v, z, from, to));
                assert_within(&landed, &want, tolerance, format!("{what} angular"));
                let landed = values(ddim_step(&student, from, to, 0.0, None));
                assert_within(&landed, &want, tolerance, format!("{what} DDIM"));
            }
        }
    }
}

#[test]
fn an_x0_student_on_target_lands_there_too() {
    for schedule in schedules() {
        for steps in student_steps() {
            let levels = levels(schedule.as_ref(), steps);
            let [from, _, to] = &levels;
            let z = batch(&scatter(steps * PIXELS, 1.0), steps, DType::F64);
            let (z_end, _, _) = two_steps(&z, &levels);
            let x0 = distillation_target_x0(z.clone(), z_end.clone(), from, to);
            let student = Prediction::new(PredictionType::Sample, x0, z, from);
            let landed = values(ddim_step(&student, from, to, 0.0, None));
            // x0 carries rounding over sin(D) sigma_end / sigma, at worst 1e3 to 1e4, and DDIM
            // takes it back in part only.
            assert_close(&landed, &values(z_end), 1e-11, format!("{steps} steps"));
        }
    }
}

#[test]
fn both_forms_are_one_target() {
    for schedule in schedules() {
        for steps in student_steps() {
            let levels = levels(schedule.as_ref(), steps);
            let [from, _, to] = &levels;
            let z = batch(&scatter(steps * PIXELS, 1.0), steps, DType::F64);
            let (z_end, _, _) = two_steps(&z, &levels);
            let v = distillation_target(z.clone(), z_end.clone(), from, to);
            let angular = values(predict_x0(v, z.clone(), from));
            let direct = values(distillation_target_x0(z, z_end, from, to));
            for i in 0..steps {
                // Both divide rounding by the sine of the step.
                let sin = (from[i].phi() - to[i].phi()).sin();
                let image = i * PIXELS..(i + 1) * PIXELS;
                let bound = 1e-14 / sin;
                let what = format!("{steps} steps, i = {}", i + 1);
                assert_within(&angular[image.clone()], &direct[image], bound, what);
            }
        }
    }
}

#[test]
fn at_clean_data_the_target_is_the_teachers_second_x0() {
    let schedule = CosineSchedule::unclipped();
    for steps in student_steps() {
        let levels = levels(&schedule, steps).map(|levels| vec![levels[0]]);
        let [from, _, to] = &levels;
        assert_eq!(to[0], NoiseLevel::CLEAN);
        let z = tensor(&scatter(PIXELS, 1.0), DType::F64);
        let (z_end, _, second) = two_steps(&z, &levels);
        let x0 = distillation_target_x0(z, z_end, from, to);
        assert_close(&values(x0), &values(second.x0()), 1e-14, format!("{steps} steps"));
    }
}

#[test]
fn equal_angles_average_the_teachers_velocities() {
    // v_target = (v1 + (v2 - sin(d) z) / cos(d)) / 2 with d the half step, on the cosine schedule.
    let schedule = CosineSchedule::unclipped();
    for steps in student_steps() {
        let levels = levels(&schedule, steps);
        let [from, mid, to] = &levels;
        let z = batch(&scatter(steps * PIXELS, 1.0), steps, DType::F64);
        let (z_end, first, second) = two_steps(&z, &levels);
        let d = from[0].phi() - mid[0].phi();
        let expected = (first.output() + (second.output() - z.clone() * d.sin()) / d.cos()) / 2.0;
        let v = distillation_target(z, z_end, from, to);
        // The target divides rounding by the sine of the step.
        let tolerance = 1e-14 / (2.0 * d).sin();
        assert_close(&values(v), &values(expected), tolerance, format!("{steps} steps"));
    }
}
