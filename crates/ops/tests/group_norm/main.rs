//! Laws of `group_norm` and its kin: they are Burn's group normalisation, their derivative is the
//! derivative, and they repeat themselves bit for bit.
#![cfg(feature = "flex")]

mod conduct;
mod support;

use burn::tensor::{DType, Device, FloatDType, Tensor, TensorData};
use halfstep_ops::group_norm;

use support::*;

/// Some 200 times f32's own rounding; a wrong term is about 0.1. The largest measured is 1.1e-5, with
/// AVX2's eight lanes: a gradient of the shift, a sum of 1056 terms that cancel. In groups of a few
/// values, which may be nearly equal, rounding is divided by as little as `sqrt(EPSILON)`.
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

/// Of all cases the worst, so two f32 computations are judged by a third, exact one: they differ
/// from each other by what is Burn's rounding, not ours.
#[test]
fn f32_is_no_further_from_f64_than_burns() {
    let (mut ours, mut burn) = ([0.0_f64; 5], [0.0_f64; 5]);
    for case in cases() {
        for kind in KINDS {
            let truth = run(case, kind, FloatDType::F64, false);
            for (worst, is_ours) in [(&mut ours, true), (&mut burn, false)] {
                let results = run(case, kind, FloatDType::F32, is_ours);
                for ((worst, result), truth) in worst.iter_mut().zip(&results).zip(&truth) {
                    *worst = worst.max(largest_difference(result, truth));
                }
            }
        }
    }
    assert!(ours.iter().zip(&burn).all(|(ours, burn)| ours <= burn), "{ours:?}, {burn:?}");
}

/// Other types are composed of Burn's operations, the derivative by the same formulas.
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

/// The layer itself, for its conventions.
#[test]
fn is_burns_layer() {
    let device = Device::flex();
    let layer = burn::nn::GroupNormConfig::new(3, 12).with_epsilon(0.1).init(&device);
    let x = tensor([2, 12, 5, 3], 1, [2.0, 1.0], FloatDType::F32).inner();
    let (weight, bias) = (Tensor::ones([12], &device), Tensor::zeros([12], &device));
    let ours = group_norm(x.clone(), weight, bias, 3, 0.1).into_data();
    assert!(largest_difference(&ours, &layer.forward(x).into_data()) < 1e-6);
}

/// Against differences of f64, by the formula that all backends but flex use.
#[test]
fn the_derivative_is_the_derivative() {
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

/// The inputs with one value moved: of x, weight, bias or shift.
fn nudged(case: Case, which: usize, index: usize, by: f64) -> Inputs {
    fn nudge<const D: usize>(tensor: &mut Tensor<D>, index: usize, by: f64) {
        let mut values: Vec<f64> = tensor.to_data().iter().collect();
        values[index] += by;
        let data = TensorData::new(values, tensor.dims());
        *tensor = Tensor::from_data(data, (&tensor.device(), DType::F64));
    }
    let mut inputs = Inputs::of(case, FloatDType::F64);
    match which {
        0 => nudge(&mut inputs.0, index, by),
        1 => nudge(&mut inputs.2, index, by),
        2 => nudge(&mut inputs.3, index, by),
        _ => nudge(&mut inputs.1, index, by),
    }
    inputs
}

/// Values about 1000, spread by a hundredth, some 300 steps of f32: of what f32 holds of them, all
/// digits are found. A sum of squares would lose them all, a mean of f32 the third.
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

/// A constant normalises to zero, exactly, and has no gradient but of the mean.
#[test]
fn a_constant_becomes_the_bias() {
    for value in [0.0, 1.0, 1000.1, -3e7] {
        let case = Case { shape: [2, 6, 5, 7], groups: 2, mean: value, spread: 0.0 };
        let inputs = Inputs::of(case, FloatDType::F32);
        let y = inputs.ours(Kind::Plain, 2);
        let bias = inputs.3.clone().reshape([1, 6, 1, 1]).expand(case.shape);
        assert_eq!(y.into_data(), bias.into_data(), "of {value}");
        let grads = inputs.ours(Kind::Silu, 2).sum().backward();
        assert!(inputs.0.grad(&grads).unwrap().into_data().iter::<f64>().all(f64::is_finite));
    }
}
