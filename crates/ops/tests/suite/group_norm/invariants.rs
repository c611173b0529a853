//! Extreme values, threads, batches, views, tracking, and invalid arguments.

use burn::tensor::{Device, FloatDType, Tensor};
use halfstep_ops::{group_norm, group_norm_silu, shifted_group_norm_silu};

use super::cases::*;
use crate::support::{assert_repeats, tensor};

/// SiLU does not overflow far from zero, and NaN stays NaN.
#[test]
fn large_values_and_nan() {
    let device = Device::flex();
    let x = Tensor::<4>::from_data([[[[1.0_f32, -1.0]]]], &device);
    for size in [50.0_f32, 90.0, 1e3, 1e30] {
        let weight = Tensor::from_data([size], &device);
        let y = group_norm_silu(x.clone(), weight, Tensor::zeros([1], &device), 1, 0.0);
        let y: Vec<f32> = y.into_data().iter().collect();
        assert_eq!(y[0], size);
        assert!(y[1] <= 0.0 && y[1] > -1e-19, "silu(-{size}) is {}", y[1]);
    }
    let x = Tensor::<4>::from_data([[[[f32::NAN, -1.0]]]], &device);
    let one = || Tensor::ones([1], &device);
    let y = group_norm_silu(x, one(), one(), 1, 1e-5);
    assert!(y.into_data().iter::<f32>().all(f32::is_nan));
}

#[test]
fn repeats_itself_for_any_number_of_threads() {
    for (shape, groups) in [([21, 24, 8, 8], 8), ([3, 64, 33, 32], 32), ([5, 8, 3, 3], 1)] {
        let case = Case { shape, groups, mean: 1.0, spread: 2.0 };
        for kind in KINDS {
            assert_repeats(|| run(case, kind, FloatDType::F32, true));
        }
    }
}

/// An image's result does not depend on the other images.
#[test]
fn images_do_not_influence_each_other() {
    let case = Case { shape: [9, 20, 5, 6], groups: 4, mean: 1.0, spread: 2.0 };
    let inputs = Inputs::new(case, FloatDType::F32);
    for kind in KINDS {
        let together = inputs.ours(kind, 4);
        for i in 0..9 {
            let Inputs(x, shift, weight, bias) = &inputs;
            let image = x.clone().narrow(0, i, 1);
            let shift = shift.clone().narrow(0, i, 1);
            let alone = Inputs(image, shift, weight.clone(), bias.clone()).ours(kind, 4);
            assert_eq!(together.clone().narrow(0, i, 1).into_data(), alone.into_data());
        }
    }
}

/// Views are made contiguous first, and no input is overwritten.
#[test]
fn strides_and_owners_of_the_inputs_do_not_matter() {
    let x = tensor([4, 6, 5, 8], 1, [1.0, 2.0], FloatDType::F32).inner();
    let before = x.to_data();
    let weight = tensor([8], 3, [1.0, 0.7], FloatDType::F32).inner();
    let norm = |x: Tensor<4>| group_norm_silu(x, weight.clone(), weight.clone(), 4, EPSILON);
    for view in [x.clone().permute([0, 3, 1, 2]), x.clone().permute([0, 3, 1, 2]).narrow(0, 1, 2)] {
        let copy = Tensor::<4>::from_data(view.to_data(), &view.device());
        assert_eq!(norm(view).into_data(), norm(copy.clone()).into_data());
        let expected = norm(copy.clone()).into_data();
        assert_eq!(norm(copy).into_data(), expected, "the last owner");
    }
    assert_eq!(x.into_data(), before);
}

/// A gradient may be shared: the gradient of a sum belongs to both terms.
#[test]
fn a_shared_gradient_is_not_overwritten() {
    let case = Case { shape: [2, 8, 4, 4], groups: 2, mean: 0.0, spread: 1.0 };
    for kind in KINDS {
        let inputs = Inputs::new(case, FloatDType::F32);
        let other = tensor(case.shape, 7, [0.0, 1.0], FloatDType::F32);
        let something = tensor(case.shape, 5, [0.3, 1.0], FloatDType::F32).detach();
        let sum = inputs.ours(kind, case.groups) + other.clone();
        let grads = (sum * something.clone()).sum().backward();
        assert_eq!(other.grad(&grads).unwrap().into_data(), something.into_data());
        let alone = run(case, kind, FloatDType::F32, true);
        assert_eq!(inputs.0.grad(&grads).unwrap().into_data(), alone[1]);
    }
}

/// Only tracked tensors get a gradient, and untracked ones need no autodiff.
#[test]
fn partly_tracked_inputs() {
    let case = Case { shape: [2, 6, 4, 4], groups: 3, mean: 0.0, spread: 1.0 };
    for kind in KINDS {
        let Inputs(x, shift, weight, bias) = Inputs::new(case, FloatDType::F32);
        let (x0, shift0) = (x.clone().inner(), shift.clone().inner());
        let (weight0, bias0) = (weight.clone().inner(), bias.clone().inner());
        let plain = Inputs(x0.clone(), shift0.clone(), weight0.clone(), bias0.clone());
        let plain = plain.ours(kind, 3).into_data();
        let fixed = || {
            let (x, shift) = (Tensor::from_inner(x0.clone()), Tensor::from_inner(shift0.clone()));
            let (weight, bias) =
                (Tensor::from_inner(weight0.clone()), Tensor::from_inner(bias0.clone()));
            Inputs(x, shift, weight, bias)
        };
        assert_eq!(fixed().ours(kind, 3).into_data(), plain);

        let y = Inputs { 0: x.clone(), ..fixed() }.ours(kind, 3);
        assert_eq!(y.to_data(), plain);
        assert!(x.grad(&y.sum().backward()).is_some());

        let y = Inputs { 2: weight.clone(), ..fixed() }.ours(kind, 3);
        let grads = y.sum().backward();
        assert!(weight.grad(&grads).is_some() && bias.grad(&grads).is_none());

        let y = Inputs { 3: bias.clone(), ..fixed() }.ours(kind, 3);
        assert!(bias.grad(&y.sum().backward()).is_some());

        if kind == Kind::Shifted {
            let y = Inputs { 1: shift.clone(), ..fixed() }.ours(kind, 3);
            assert!(shift.grad(&y.sum().backward()).is_some());
        }
    }
}

fn normalise(channels: usize, parameters: usize, groups: usize) {
    let device = Device::flex();
    let x = Tensor::zeros([1, channels, 2, 2], &device);
    let ones = || Tensor::ones([parameters], &device);
    group_norm(x, ones(), ones(), groups, EPSILON);
}

#[test]
#[should_panic(expected = "6 channels cannot be split into 4 equal groups")]
fn groups_must_divide_the_channels() {
    normalise(6, 6, 4);
}

#[test]
#[should_panic(expected = "6 channels cannot be split into 0 equal groups")]
fn there_must_be_groups() {
    normalise(6, 6, 0);
}

#[test]
#[should_panic(expected = "one weight for each channel")]
fn parameters_must_fit() {
    normalise(6, 3, 3);
}

#[test]
#[should_panic(expected = "one shift for each channel of each image")]
fn shifts_must_fit() {
    let device = Device::flex();
    let (x, shift) = (Tensor::zeros([3, 4, 2, 2], &device), Tensor::zeros([1, 4], &device));
    let ones = || Tensor::ones([4], &device);
    shifted_group_norm_silu(x, shift, ones(), ones(), 2, EPSILON);
}
