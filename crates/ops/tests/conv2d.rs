//! Laws of `conv2d`: it is Burn's convolution, and repeats itself bit for bit.
#![cfg(feature = "flex")]

use burn::tensor::module::conv2d as burn_conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, Device, FloatDType, Tensor, TensorData};
use halfstep_ops::conv2d;

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

/// Sizes and channels around the edges of tiles, panels and groups of images.
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

/// Values in [-1, 1] without a period that the sizes share.
fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (f64::from(state) / f64::from(u32::MAX) * 2.0 - 1.0) as f32
        })
        .collect()
}

fn tensor<const D: usize>(shape: [usize; D], seed: u32, dtype: FloatDType) -> Tensor<D> {
    let values = TensorData::new(noise(shape.iter().product(), seed), shape);
    Tensor::<D>::from_data(values, &Device::flex().autodiff()).cast(dtype).detach().require_grad()
}

/// Output, then the gradients of x, weight and bias of `sum(output * something)`.
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

fn largest_difference(a: &TensorData, b: &TensorData) -> f64 {
    assert_eq!(a.shape(), b.shape());
    a.iter::<f64>().zip(b.iter::<f64>()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
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

/// Terms are at most 1 in size and sums have at most 64 * 9 of them (fewer than 512 pixels for the
/// weight), of random sign: results are about 8 in size (root mean square), at most 60. Added up in
/// another order they differ by 2e-7 of that; by way of Winograd's transforms by 1e-6 (root mean
/// square), and the largest of a hundred thousand differences was 1e-5 of it. One wrong or missing
/// term is about 0.3.
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

/// Other types take Burn's kernels; the data gradient is still arranged differently, hence the
/// rounding.
#[test]
fn f64_agrees_with_burn() {
    for case in cases().into_iter().step_by(7) {
        let ours = run(case, FloatDType::F64, true, true);
        assert_eq!(ours[0].dtype(), DType::F64);
        let burn = run(case, FloatDType::F64, true, false);
        assert_agree(case, true, &ours, &burn, 1e-12);
    }
}

/// Against f64, an independent reference, the f32 kernels keep the bound of `F32_TOLERANCE`.
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
    // So large that an image is a group of its own, whose panels idle threads may share.
    let images = Case { height: 33, width: 35, batch: 3, ..large };
    for case in [large, strided, images] {
        let run = || run(case, FloatDType::F32, true, true);
        let once = run();
        assert_eq!(once, run());
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(once, pool.install(run), "{threads} threads");
        }
    }
}

/// The error of Winograd's way that its documentation states: 1e-6 of the results' size, root mean
/// square, as those of 64 to 128 channels have it, and a margin of two.
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

/// Not a number stays so, whatever way a convolution takes.
#[test]
fn what_is_not_finite_shows() {
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

/// What an image becomes does not depend on the images beside it.
#[test]
fn an_image_is_convolved_alike_in_any_batch() {
    let x = tensor([9, 20, 5, 6], 1, FloatDType::F32);
    let weight = tensor([35, 20, 3, 3], 2, FloatDType::F32);
    let together = conv2d(x.clone(), weight.clone(), None, 1, 1);
    for i in 0..9 {
        let alone = conv2d(x.clone().narrow(0, i, 1), weight.clone(), None, 1, 1);
        assert_eq!(together.clone().narrow(0, i, 1).into_data(), alone.into_data());
    }
}

/// Views are copied into order first.
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
