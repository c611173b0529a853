//! `group_norm` and its variants equal Burn's group normalisation, their gradients equal finite
//! differences, and they repeat bit for bit.

mod cases;
mod invariants;

use burn::tensor::{DType, Device, FloatDType, Tensor, TensorData};
use halfstep_ops::group_norm;

use crate::support::{relative_difference, tensor};
use cases::*;

/// About 200 times the rounding of f32; a wrong term is about 0.1. The largest difference measured
/// is 1.1e-5, with AVX2's eight lanes: a gradient of the shift, a sum of 1056 terms that cancel. In
/// groups of few values, which may be nearly equal, rounding is divided by as little as
/// `sqrt(EPSILON)`.
fn f32_tolerance(case: Case) -> f64 {
    let [_, channels, height, width] = case.shape;
    let few = channels / case.groups * height * width < 8;
    if few { 2e-4 } else { 2e-5 }
}

#[test]
fn f32_agrees_with_burn_in_f64() {
    for case in cases() {
        for kind in KINDS {
            let ours = run(case, kind, FloatDType::F32, true);
            let burn = run(case, kind, FloatDType::F64, false);
            assert_agree(case, kind, &ours, &burn, f32_tolerance(case));
        }
    }
}

/// The worst errors of two f32 computations over all cases: where they differ from each other, it
/// is Burn's rounding and not ours.
#[test]
fn f32_is_as_near_to_f64_as_burns() {
    let (mut ours, mut burn) = ([0.0_f64; 5], [0.0_f64; 5]);
    for case in cases() {
        for kind in KINDS {
            let truth = run(case, kind, FloatDType::F64, false);
            for (worst, is_ours) in [(&mut ours, true), (&mut burn, false)] {
                let results = run(case, kind, FloatDType::F32, is_ours);
                for ((worst, result), truth) in worst.iter_mut().zip(&results).zip(&truth) {
                    *worst = worst.max(relative_difference(result, truth, 1.0));
                }
            }
        }
    }
    assert!(ours.iter().zip(&burn).all(|(ours, burn)| ours <= burn), "{ours:?}, {burn:?}");
}

/// Other types are composed of Burn's operations, their derivative by the same formulas.
#[test]
fn f64_agrees_with_burn() {
    for case in cases().into_iter().step_by(3) {
        for kind in KINDS {
            let ours = run(case, kind, FloatDType::F64, true);
            assert_eq!(ours[0].dtype(), DType::F64);
            let burn = run(case, kind, FloatDType::F64, false);
            assert_agree(case, kind, &ours, &burn, 1e-11);
        }
    }
}

/// Burn's layer has the same conventions.
#[test]
fn equals_burns_layer() {
    let device = Device::flex();
    let layer = burn::nn::GroupNormConfig::new(3, 12).with_epsilon(0.1).init(&device);
    let x = tensor([2, 12, 5, 3], 1, [2.0, 1.0], FloatDType::F32).inner();
    let (weight, bias) = (Tensor::ones([12], &device), Tensor::zeros([12], &device));
    let ours = group_norm(x.clone(), weight, bias, 3, 0.1).into_data();
    assert!(relative_difference(&ours, &layer.forward(x).into_data(), 1.0) < 1e-6);
}

/// Compares with finite differences in f64, where flex uses the formulas of all other backends.
#[test]
fn gradients_equal_finite_differences() {
    const STEP: f64 = 1e-5;
    let case = Case { shape: [2, 6, 2, 3], groups: 2, mean: 0.5, spread: 1.0 };
    let weights = tensor(case.shape, 5, [0.3, 1.0], FloatDType::F64).detach();
    let loss = |inputs: &Inputs, kind| -> f64 {
        (inputs.ours(kind, case.groups) * weights.clone()).sum().into_scalar::<f64>()
    };
    for kind in KINDS {
        let analytic = run(case, kind, FloatDType::F64, true);
        for (which, grads) in analytic[1..].iter().enumerate() {
            for (i, grad) in grads.iter::<f64>().enumerate() {
                let moved = |by: f64| loss(&nudged(case, which, i, by), kind);
                let difference = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
                assert!(
                    (grad - difference).abs() < 1e-8,
                    "{kind:?}, input {which}, value {i}: {grad} is not {difference}"
                );
            }
        }
    }
}

/// Moves one value of the inputs: of x, weight, bias or shift.
fn nudged(case: Case, which: usize, index: usize, by: f64) -> Inputs {
    fn nudge<const D: usize>(tensor: &mut Tensor<D>, index: usize, by: f64) {
        let mut values: Vec<f64> = tensor.to_data().iter().collect();
        values[index] += by;
        let data = TensorData::new(values, tensor.dims());
        *tensor = Tensor::from_data(data, (&tensor.device(), DType::F64));
    }
    let mut inputs = Inputs::new(case, FloatDType::F64);
    match which {
        0 => nudge(&mut inputs.0, index, by),
        1 => nudge(&mut inputs.2, index, by),
        2 => nudge(&mut inputs.3, index, by),
        _ => nudge(&mut inputs.1, index, by),
    }
    inputs
}

/// Values about 1000, spread by a hundredth, which is some 300 steps of f32: all digits that f32
/// holds of them are kept. A sum of squares would lose all of them; a mean in f32 would lose the
/// third.
#[test]
fn survives_a_large_mean() {
    for groups in [1, 4, 8] {
        let case = Case { shape: [2, 8, 16, 17], groups, mean: 1e3, spread: 1e-2 };
        for kind in [Kind::Plain, Kind::Silu] {
            let ours = run(case, kind, FloatDType::F32, true);
            let exact = run(case, kind, FloatDType::F64, false);
            assert_agree(case, kind, &ours, &exact, 1e-5);
        }
    }
}

/// A constant normalises to exactly zero, and its gradients are finite.
#[test]
fn a_constant_becomes_the_bias() {
    for value in [0.0, 1.0, 1000.1, -3e7] {
        let case = Case { shape: [2, 6, 5, 7], groups: 2, mean: value, spread: 0.0 };
        let inputs = Inputs::new(case, FloatDType::F32);
        let y = inputs.ours(Kind::Plain, 2);
        let bias = inputs.3.clone().reshape([1, 6, 1, 1]).expand(case.shape);
        assert_eq!(y.into_data(), bias.into_data(), "of {value}");
        let grads = inputs.ours(Kind::Silu, 2).sum().backward();
        assert!(inputs.0.grad(&grads).unwrap().into_data().iter::<f64>().all(f64::is_finite));
    }
}
