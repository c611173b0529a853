//! `conv2d` equals Burn's convolution, and repeats bit for bit.

use burn::tensor::module::conv2d as burn_conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, FloatDType, Tensor, TensorData};
use halfstep_ops::conv2d;

use crate::support::{assert_repeats, largest_difference};

#[derive(Clone, Copy, Debug)]
struct Case {
    batch: usize,
    channels: usize,
    outputs: usize,
    height: usize,
    width: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
}

/// Lists sizes and channels around the edges of tiles, panels and groups of images.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let images = [(1, 1, 1), (1, 3, 5), (2, 5, 4), (3, 8, 8), (11, 4, 4), (2, 7, 13), (1, 20, 17)];
    let channels = [(1, 1), (3, 32), (33, 7), (16, 40), (64, 65)];
    for (batch, height, width) in images {
        for (channels, outputs) in channels {
            for (kernel, padding) in [(1, 0), (1, 1), (3, 0), (3, 1), (3, 2)] {
                for stride in [1, 2, 3] {
                    if kernel <= height.min(width) + 2 * padding {
                        cases.push(Case {
                            batch,
                            channels,
                            outputs,
                            height,
                            width,
                            kernel,
                            stride,
                            padding,
                        });
                    }
                }
            }
        }
    }
    cases
}

fn tensor<const D: usize>(shape: [usize; D], seed: u32, dtype: FloatDType) -> Tensor<D> {
    crate::support::tensor(shape, seed, [0.0, 1.0], dtype)
}

/// Computes the output, and the gradients of `sum(output * something)` by x, weight and bias.
fn run(case: Case, dtype: FloatDType, with_bias: bool, ours: bool) -> Vec<TensorData> {
    let Case { batch, channels, outputs, height, width, kernel, stride, padding } = case;
    let x = tensor([batch, channels, height, width], 1, dtype);
    let weight = tensor([outputs, channels, kernel, kernel], 2, dtype);
    let bias = with_bias.then(|| tensor([outputs], 3, dtype));
    let y = if ours {
        conv2d(x.clone(), weight.clone(), bias.clone(), stride, padding)
    } else {
        let options = ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1);
        burn_conv2d(x.clone(), weight.clone(), bias.clone(), options)
    };
    let grads = (y.clone() * tensor(y.dims(), 4, dtype).detach()).sum().backward();
    let mut results = vec![y.into_data()];
    results.push(x.grad(&grads).unwrap().into_data());
    results.push(weight.grad(&grads).unwrap().into_data());
    results.extend(bias.map(|bias| bias.grad(&grads).unwrap().into_data()));
    results
}

fn assert_agree(case: Case, with_bias: bool, a: &[TensorData], b: &[TensorData], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (name, (a, b)) in ["y", "dx", "dw", "db"].iter().zip(a.iter().zip(b)) {
        let difference = largest_difference(a, b);
        assert!(
            difference <= tolerance,
            "{name} differs by {difference:e} for {case:?}, bias {with_bias}"
        );
    }
}

/// One wrong or missing term is about 0.3. Results are about 8 (root mean square) and at most 60:
/// sums of up to 64 * 9 terms (for the weight, of fewer than 512 pixels) of at most 1 and random
/// sign. In another order of summation they differ by 2e-7 of that; with Winograd's transforms by
/// 1e-6 (root mean square), where the largest of a hundred thousand differences was 1e-5.
const F32_TOLERANCE: f64 = 1e-4;

#[test]
fn agrees_with_burn() {
    for case in cases() {
        for with_bias in [false, true] {
            let ours = run(case, FloatDType::F32, with_bias, true);
            let burn = run(case, FloatDType::F32, with_bias, false);
            assert_agree(case, with_bias, &ours, &burn, F32_TOLERANCE);
        }
    }
}

/// Other types are computed by Burn's kernels. The gradient of x is still composed differently,
/// hence the tolerance.
#[test]
fn f64_agrees_with_burn() {
    for case in cases().into_iter().step_by(7) {
        let ours = run(case, FloatDType::F64, true, true);
        assert_eq!(ours[0].dtype(), DType::F64);
        let burn = run(case, FloatDType::F64, true, false);
        assert_agree(case, true, &ours, &burn, 1e-12);
    }
}

/// f64 is an independent reference.
#[test]
fn f32_is_near_f64() {
    for case in cases().into_iter().step_by(5) {
        let single = run(case, FloatDType::F32, true, true);
        let double = run(case, FloatDType::F64, true, false);
        assert_agree(case, true, &single, &double, F32_TOLERANCE);
    }
}

#[test]
fn repeats_itself_for_any_number_of_threads() {
    let large = Case {
        batch: 21,
        channels: 24,
        outputs: 70,
        height: 8,
        width: 8,
        kernel: 3,
        stride: 1,
        padding: 1,
    };
    let strided = Case { stride: 2, height: 33, width: 32, batch: 5, ..large };
    // So large that each image is a group, whose panels idle threads may share.
    let images = Case { height: 33, width: 35, batch: 3, ..large };
    for case in [large, strided, images] {
        assert_repeats(|| run(case, FloatDType::F32, true, true));
    }
}

/// The documentation of Winograd's method states an error of 1e-6 of the results' size, root mean
/// square, for 64 to 128 channels. The margin is a factor of two.
#[test]
fn errors_are_a_millionth_of_the_results() {
    let case = Case {
        batch: 4,
        channels: 96,
        outputs: 64,
        height: 16,
        width: 16,
        kernel: 3,
        stride: 1,
        padding: 1,
    };
    let size = |values: &[f64]| (values.iter().map(|v| v * v).sum::<f64>()).sqrt();
    let single = run(case, FloatDType::F32, false, true);
    let double = run(case, FloatDType::F64, false, false);
    for (single, double) in single.iter().zip(&double) {
        let truth: Vec<f64> = double.iter::<f64>().collect();
        let error: Vec<f64> = single.iter::<f64>().zip(&truth).map(|(a, b)| a - b).collect();
        let relative = size(&error) / size(&truth);
        assert!(relative < 2e-6, "{relative:e}");
    }
}

/// A value that is not finite shows, whichever method computes the convolution.
#[test]
fn values_that_are_not_finite_show() {
    for size in [4, 16] {
        for value in [f32::NAN, f32::INFINITY] {
            let x = tensor([1, 16, size, size], 1, FloatDType::F32).inner();
            let x = x.slice_fill([0..1, 3..4, 1..2, 1..2], value);
            let weight = tensor([16, 16, 3, 3], 2, FloatDType::F32).inner();
            let y = conv2d(x, weight, None, 1, 1).into_data();
            assert!(!y.iter::<f32>().next().unwrap().is_finite());
        }
    }
}

/// An image's result does not depend on the other images.
#[test]
fn images_do_not_influence_each_other() {
    let x = tensor([9, 20, 5, 6], 1, FloatDType::F32);
    let weight = tensor([35, 20, 3, 3], 2, FloatDType::F32);
    let together = conv2d(x.clone(), weight.clone(), None, 1, 1);
    for i in 0..9 {
        let alone = conv2d(x.clone().narrow(0, i, 1), weight.clone(), None, 1, 1);
        assert_eq!(together.clone().narrow(0, i, 1).into_data(), alone.into_data());
    }
}

/// Views are made contiguous first.
#[test]
fn strides_of_the_inputs_do_not_matter() {
    let x = tensor([4, 6, 5, 3], 1, FloatDType::F32);
    let weight = tensor([3, 5, 3, 3], 2, FloatDType::F32);
    let view = x.clone().permute([3, 2, 0, 1]); // [3, 5, 4, 6]
    let copy = Tensor::<4>::from_data(view.clone().into_data(), &view.device());
    let turned = weight.clone().swap_dims(2, 3);
    let turned_copy = Tensor::<4>::from_data(turned.clone().into_data(), &turned.device());
    assert_eq!(
        conv2d(view, turned, None, 1, 1).into_data(),
        conv2d(copy, turned_copy, None, 1, 1).into_data()
    );
}

/// Only what is tracked gets a gradient, and untracked tensors need no autodiff at all.
#[test]
fn partly_tracked_inputs() {
    let x = tensor([2, 3, 4, 4], 1, FloatDType::F32);
    let weight = tensor([5, 3, 3, 3], 2, FloatDType::F32);
    let (plain_x, plain_weight) = (x.clone().inner(), weight.clone().inner());
    let (fixed_x, fixed_weight) =
        (Tensor::from_inner(plain_x.clone()), Tensor::from_inner(plain_weight.clone()));
    let plain = conv2d(plain_x, plain_weight, None, 1, 1).into_data();

    let y = conv2d(x.clone(), fixed_weight, None, 1, 1);
    assert_eq!(y.to_data(), plain);
    assert!(x.grad(&y.sum().backward()).is_some());

    let y = conv2d(fixed_x, weight.clone(), None, 1, 1);
    assert_eq!(y.to_data(), plain);
    assert!(weight.grad(&y.sum().backward()).is_some());
}

#[test]
#[should_panic(expected = "another number of channels")]
fn channels_must_fit() {
    conv2d(
        tensor([1, 3, 4, 4], 1, FloatDType::F32),
        tensor([2, 4, 3, 3], 2, FloatDType::F32),
        None,
        1,
        1,
    );
}

#[test]
#[should_panic(expected = "does not fit")]
fn the_kernel_must_fit_the_image() {
    conv2d(
        tensor([1, 3, 2, 4], 1, FloatDType::F32),
        tensor([2, 3, 3, 3], 2, FloatDType::F32),
        None,
        1,
        0,
    );
}
