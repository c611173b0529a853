//! The optimiser's operations equal their formulas, on any number of threads.

use burn::tensor::{DType, Device, FloatDType, Tensor, TensorData};
use halfstep_ops::{AdamWStep, adamw, moving_average, sum_of_squares};

use crate::support::{assert_repeats, noise};

/// Lengths around those of vectors and of a thread's share.
const LENGTHS: [usize; 6] = [1, 15, 16, 1000, 16_384, 50_001];

fn tensor(values: &[f64], dtype: FloatDType) -> Tensor<1> {
    let data = TensorData::new(values.to_vec(), [values.len()]);
    Tensor::<1>::from_data(data, (&Device::flex(), DType::F64)).cast(dtype)
}

fn values(tensor: Tensor<1>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

fn step(time: u64) -> AdamWStep {
    AdamWStep { learning_rate: 1e-2, betas: [0.9, 0.999], epsilon: 1e-8, weight_decay: 0.1, time }
}

/// Computes algorithm 2 of the paper for one number: weight, first and second moment.
fn by_the_paper(step: AdamWStep, [w, g, m, v]: [f64; 4]) -> [f64; 3] {
    let AdamWStep { learning_rate: lr, betas: [b1, b2], epsilon, weight_decay, time } = step;
    let (m, v) = (b1 * m + (1.0 - b1) * g, b2 * v + (1.0 - b2) * g * g);
    let m_hat = m / (1.0 - b1.powi(time as i32));
    let v_hat = v / (1.0 - b2.powi(time as i32));
    [w - lr * (m_hat / (v_hat.sqrt() + epsilon) + weight_decay * w), m, v]
}

/// Numbers are around 1, with a dozen roundings each.
#[test]
fn adamw_equals_the_paper() {
    for (dtype, tolerance) in [(FloatDType::F32, 1e-6), (FloatDType::F64, 1e-14)] {
        for count in LENGTHS {
            let inputs = [1, 2, 3, 4].map(|seed| noise(count, seed));
            let second: Vec<f64> = inputs[3].iter().map(|v| v * v).collect();
            let step = step(7);
            let [w, g, m] = [0, 1, 2].map(|i| tensor(&inputs[i], dtype));
            let scale = tensor(&[0.5], dtype);
            let (w, [m, v]) = adamw(w, g, scale, [m, tensor(&second, dtype)], step);
            assert_eq!(w.dtype(), dtype.into());
            let found = [w, m, v].map(values);
            for i in 0..count {
                let at = [inputs[0][i], 0.5 * inputs[1][i], inputs[2][i], second[i]];
                for (found, expected) in found.iter().zip(by_the_paper(step, at)) {
                    // Where v is tiny the quotient is large, and so is its error.
                    let bound = tolerance * expected.abs().max(1.0);
                    let found = found[i];
                    assert!((found - expected).abs() <= bound, "{i}: {found} {expected}");
                }
            }
        }
    }
}

#[test]
fn tensors_that_others_hold_are_left_alone() {
    let start = tensor(&noise(100, 1), FloatDType::F32);
    let before = start.to_data();
    let moments = [start.clone(), start.clone().abs()];
    let scale = tensor(&[1.0], FloatDType::F32);
    let _ = adamw(start.clone(), start.clone(), scale, moments, step(1));
    let _ = moving_average(start.clone(), start.clone().abs(), 0.5);
    assert_eq!(start.to_data(), before);
}

#[test]
fn the_average_moves_by_its_share() {
    for count in LENGTHS {
        let (average, new) = (noise(count, 1), noise(count, 2));
        let dtype = FloatDType::F32;
        let found = values(moving_average(tensor(&average, dtype), tensor(&new, dtype), 0.99));
        for ((found, average), new) in found.into_iter().zip(average).zip(new) {
            assert!((found - (0.99 * average + 0.01 * new)).abs() < 2e-7); // 2 ulp of 1
        }
    }
}

/// A running f32 sum of 10^7 squares would lose the last ones: each is 1e-7 of the sum.
#[test]
fn squares_of_many_values_add_up() {
    let count = 10_000_000;
    let found = values(sum_of_squares(Tensor::full([count], 0.5, &Device::flex())));
    assert_eq!(found, [2_500_000.0]);
}

#[test]
fn sums_do_not_depend_on_the_number_of_threads() {
    let x = tensor(&noise(100_003, 9), FloatDType::F32);
    assert_repeats(|| values(sum_of_squares(x.clone())));
}
