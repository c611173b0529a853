//! Laws of 16-bit inputs: what comes out is what f64 makes of the same numbers, rounded; a mean far
//! from zero and a sum of many values keep their digits.
#![cfg(feature = "flex")]

use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use halfstep_ops::{attention, conv2d, group_norm, shifted_group_norm_silu};

/// The types and their unit roundoff: 8 and 11 significant bits.
const TYPES: [(FloatDType, f64); 2] =
    [(FloatDType::BF16, 1.0 / 256.0), (FloatDType::F16, 1.0 / 2048.0)];

/// `mean` plus or minus 1, rounded to `half` and then held in `dtype`.
fn tensor<const D: usize>(
    shape: [usize; D],
    seed: u32,
    mean: f64,
    half: FloatDType,
    dtype: FloatDType,
) -> Tensor<D> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (mean + f64::from(state) / f64::from(u32::MAX) * 2.0 - 1.0) as f32
    };
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| next()).collect();
    let values = Tensor::<D>::from_data(TensorData::new(values, shape), &Device::flex().autodiff());
    values.cast(half).cast(dtype).detach().require_grad()
}

/// The largest difference over the largest value.
fn difference(found: TensorData, expected: TensorData) -> f64 {
    assert_eq!(found.shape(), expected.shape());
    let largest = expected.iter::<f64>().map(f64::abs).fold(0.0, f64::max);
    let pairs = found.iter::<f64>().zip(expected.iter::<f64>());
    let differences = pairs.map(|(a, b)| if a.is_nan() { f64::INFINITY } else { (a - b).abs() });
    differences.fold(0.0, f64::max) / largest
}

/// Runs `of` in both types, checks output and the gradients of all inputs that it returns.
fn check(
    name: &str,
    roundings: f64,
    of: impl Fn(FloatDType, FloatDType) -> (Tensor<4>, Vec<Tensor<1>>),
) {
    for (half, roundoff) in TYPES {
        let ((y, grads), (y64, grads64)) = (of(half, half), of(half, FloatDType::F64));
        assert_eq!(y.dtype(), half.into(), "{name}");
        let worst = std::iter::once(difference(y.into_data(), y64.into_data()))
            .chain(
                grads
                    .into_iter()
                    .zip(grads64)
                    .map(|(a, b)| difference(a.into_data(), b.into_data())),
            )
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

/// Products are exact in f32 and summed up there or better: what is left is one rounding of each
/// result, half an ulp of the largest, and on the way to the data gradient none.
#[test]
fn convolutions() {
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

/// The sum of 64 x 1024 values of mean 1 has to be 65536: a running sum in bf16 stops at 256.
#[test]
fn the_gradient_of_a_bias_is_summed_up_in_f32() {
    for (half, _) in TYPES {
        let x = tensor([64, 1, 32, 32], 1, 0.0, half, half);
        let weight = tensor([1, 1, 1, 1], 2, 0.0, half, half);
        let bias = tensor([1], 3, 0.0, half, half);
        let y = conv2d(x, weight, Some(bias.clone()), 1, 0);
        // A sum in f16 would end at 65504: a quarter of it fits.
        let grads = y.mul_scalar(0.25).sum().backward();
        let sum: f64 = bias.grad(&grads).unwrap().into_data().iter::<f64>().next().unwrap();
        assert_eq!(sum, 16384.0, "{half:?}");
    }
}

/// Inputs of mean 8 and deviation 0.6: statistics in bf16 would lose the deviation. Parameters are
/// f32 as in a network. One rounding of each result, the gradient of the shift one of a sum.
#[test]
fn normalisations() {
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

/// Scores, probabilities, their gradients and the results are rounded one after another, each by
/// half an ulp, the scores' errors multiplied by their size of about 2.
#[test]
fn attentions() {
    check("attention", 6.0, |half, dtype| {
        let qkv = tensor([2, 3 * 32, 8, 8], 1, 0.0, half, dtype);
        let y = attention(qkv.clone(), 2);
        let something = tensor(y.dims(), 4, 0.0, half, dtype).detach();
        let grads = (y.clone() * something).sum().backward();
        (y, vec![flat(qkv.grad(&grads))])
    });
}

/// 256 channels of 24 give scores of 147456, beyond f16; over 16 they are 9216, within.
#[test]
fn scores_beyond_f16_are_scaled_first() {
    let values = vec![24.0_f32; 3 * 256 * 4];
    let qkv = Tensor::<4>::from_data(TensorData::new(values, [1, 768, 2, 2]), &Device::flex());
    let y = attention(qkv.cast(FloatDType::F16), 1).into_data();
    assert!(y.iter::<f64>().all(|value| value == 24.0));
}
