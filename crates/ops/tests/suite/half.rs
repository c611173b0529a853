//! 16-bit inputs: a result equals the rounded f64 result of the same numbers. A mean far from zero
//! and a sum of many values keep their digits.

use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use halfstep_ops::{attention, conv2d, group_norm, shifted_group_norm_silu};

use crate::support;

/// The types and their unit roundoff: 8 and 11 significant bits.
const TYPES: [(FloatDType, f64); 2] =
    [(FloatDType::BF16, 1.0 / 256.0), (FloatDType::F16, 1.0 / 2048.0)];

/// Makes values in `mean` plus or minus 1, rounded to `half` and then held in `dtype`.
fn tensor<const D: usize>(
    shape: [usize; D],
    seed: u32,
    mean: f64,
    half: FloatDType,
    dtype: FloatDType,
) -> Tensor<D> {
    let values = support::tensor(shape, seed, [mean, 1.0], FloatDType::F32);
    values.cast(half).cast(dtype).detach().require_grad()
}

/// Runs `of` in both types; checks the output and the gradients of the inputs that it returns.
fn check(
    name: &str,
    roundings: f64,
    of: impl Fn(FloatDType, FloatDType) -> (Tensor<4>, Vec<Tensor<1>>),
) {
    for (half, roundoff) in TYPES {
        let ((y, grads), (y64, grads64)) = (of(half, half), of(half, FloatDType::F64));
        assert_eq!(y.dtype(), half.into(), "{name}");
        let pairs = grads.into_iter().zip(grads64);
        let pairs = pairs.map(|(found, expected)| (found.into_data(), expected.into_data()));
        let worst = std::iter::once((y.into_data(), y64.into_data()))
            .chain(pairs)
            .map(|(found, expected)| support::relative_difference(&found, &expected, 0.0))
            .enumerate();
        for (which, worst) in worst {
            let tolerance = roundings * roundoff;
            assert!(
                worst <= tolerance,
                "{name}, {half:?}, result {which}: {worst:e} > {tolerance:e}"
            );
        }
    }
}

fn flat<const D: usize>(grad: Option<Tensor<D>>) -> Tensor<1> {
    let grad = grad.unwrap();
    let count = grad.shape().num_elements();
    grad.reshape([count])
}

/// Each result is rounded once, by half an ulp of the largest; nothing is rounded on the way to the
/// gradient of x. Products are exact in f32 and summed there or better.
#[test]
fn convolutions_are_rounded_once() {
    check("conv2d", 1.0, |half, dtype| {
        let x = tensor([4, 24, 9, 7], 1, 0.0, half, dtype);
        let weight = tensor([16, 24, 3, 3], 2, 0.0, half, dtype);
        let bias = tensor([16], 3, 0.0, half, dtype);
        let y = conv2d(x.clone(), weight.clone(), Some(bias.clone()), 1, 1);
        let something = tensor(y.dims(), 4, 0.5, half, dtype).detach();
        let grads = (y.clone() * something).sum().backward();
        (y, vec![flat(x.grad(&grads)), flat(weight.grad(&grads)), flat(bias.grad(&grads))])
    });
}

/// The gradient sums 65536 equal values. A running sum in bf16 stops growing after 256 of them.
#[test]
fn gradient_of_a_bias_is_summed_in_f32() {
    for (half, _) in TYPES {
        let x = tensor([64, 1, 32, 32], 1, 0.0, half, half);
        let weight = tensor([1, 1, 1, 1], 2, 0.0, half, half);
        let bias = tensor([1], 3, 0.0, half, half);
        let y = conv2d(x, weight, Some(bias.clone()), 1, 0);
        // Values of 1 would sum to 65536, more than f16 holds; values of 1/4 do not.
        let grads = y.mul_scalar(0.25).sum().backward();
        let sum: f64 = bias.grad(&grads).unwrap().into_data().iter::<f64>().next().unwrap();
        assert_eq!(sum, 16384.0, "{half:?}");
    }
}

/// Inputs have mean 8 and deviation 0.6: statistics in bf16 would lose the deviation. Parameters
/// are f32, as in a network. Each result is rounded once; the gradient of the shift is a rounded
/// sum.
#[test]
fn normalisations_are_rounded_once() {
    check("group_norm", 1.0, |half, dtype| {
        let wide = if dtype == half { FloatDType::F32 } else { dtype };
        let x = tensor([3, 12, 8, 8], 1, 8.0, half, dtype);
        let (weight, bias) = (tensor([12], 2, 1.0, half, wide), tensor([12], 3, 0.0, half, wide));
        let y = group_norm(x.clone(), weight.clone(), bias.clone(), 3, 1e-5);
        let something = tensor(y.dims(), 4, 0.5, half, dtype).detach();
        let grads = (y.clone() * something).sum().backward();
        (y, vec![flat(x.grad(&grads)), flat(weight.grad(&grads)), flat(bias.grad(&grads))])
    });
    check("shifted_group_norm_silu", 1.0, |half, dtype| {
        let wide = if dtype == half { FloatDType::F32 } else { dtype };
        let x = tensor([3, 12, 8, 8], 1, 8.0, half, dtype);
        let shift = tensor([3, 12], 5, 0.0, half, dtype);
        let (weight, bias) = (tensor([12], 2, 1.0, half, wide), tensor([12], 3, 0.0, half, wide));
        let y = shifted_group_norm_silu(
            x.clone(),
            shift.clone(),
            weight.clone(),
            bias.clone(),
            3,
            1e-5,
        );
        let something = tensor(y.dims(), 4, 0.5, half, dtype).detach();
        let grads = (y.clone() * something).sum().backward();
        (y, vec![flat(x.grad(&grads)), flat(shift.grad(&grads)), flat(weight.grad(&grads))])
    });
}

/// Scores, probabilities, their gradients and the results are each rounded by half an ulp; the
/// scores' errors are multiplied by their size of about 2.
#[test]
fn attentions_are_rounded_six_times() {
    check("attention", 6.0, |half, dtype| {
        let qkv = tensor([2, 3 * 32, 8, 8], 1, 0.0, half, dtype);
        let y = attention(qkv.clone(), 2);
        let something = tensor(y.dims(), 4, 0.0, half, dtype).detach();
        let grads = (y.clone() * something).sum().backward();
        (y, vec![flat(qkv.grad(&grads))])
    });
}

/// 256 channels of 24 give scores of 147456, more than f16 holds; divided by 16 they are 9216.
#[test]
fn attention_scales_scores_before_f16_overflows() {
    let values = vec![24.0_f32; 3 * 256 * 4];
    let qkv = Tensor::<4>::from_data(TensorData::new(values, [1, 768, 2, 2]), &Device::flex());
    let y = attention(qkv.cast(FloatDType::F16), 1).into_data();
    assert!(y.iter::<f64>().all(|value| value == 24.0));
}
