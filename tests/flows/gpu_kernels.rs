//! Compares the kernels for GPUs with the CPU, which computes from the same numbers in f64.

use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use halfstep_model::Precision;
use halfstep_ops::{conv2d, group_norm, group_norm_silu, shifted_group_norm_silu};

use crate::support::wgpu;

/// Pseudo-random values in [-1, 1] that f16 represents exactly. They must not repeat with the period of a size.
fn noise<const D: usize>(
    shape: [usize; D],
    seed: u32,
    on: &Device,
    dtype: FloatDType,
) -> Tensor<D> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        // 11 significant bits.
        ((f64::from(state) / f64::from(u32::MAX) * 2.0 - 1.0) * 1024.0).round() as f32 / 1024.0
    };
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| next()).collect();
    let values = Tensor::<D>::from_data(TensorData::new(values, shape), &on.clone().autodiff());
    values.cast(dtype).detach().require_grad()
}

/// For each tensor, the largest difference divided by the largest value.
fn differences(found: &[TensorData], expected: &[TensorData]) -> Vec<f64> {
    assert_eq!(found.len(), expected.len());
    let difference = |(found, expected): (&TensorData, &TensorData)| {
        assert_eq!(found.shape(), expected.shape());
        let largest = expected.iter::<f64>().map(f64::abs).fold(0.0, f64::max);
        let pairs = found.iter::<f64>().zip(expected.iter::<f64>());
        let apart =
            |(a, b): (f64, f64)| if (a - b).is_nan() { f64::INFINITY } else { (a - b).abs() };
        pairs.map(apart).fold(0.0, f64::max) / largest.max(1e-3)
    };
    found.iter().zip(expected).map(difference).collect()
}

/// The tolerance for sums of up to 3000 f32 numbers of random sign in different orders. A missing summand would
/// change a result by about 1e-2 of the largest sum.
const F32: f64 = 1e-5;

/// The tolerance for f16, which rounds a result by up to 5e-4; the output of a norm has up to three roundings.
const F16: f64 = 2e-3;

fn check(name: &str, of: impl Fn(&Device, FloatDType) -> Vec<TensorData>) {
    let Some(selected) = wgpu() else { return };
    let expected = of(&Device::flex(), FloatDType::F64);
    for (precision, tolerance) in [(Precision::F32, F32), (Precision::F16, F16)] {
        if let Err(error) = precision.check(selected) {
            println!("{name}: not run: {error}");
            continue;
        }
        let worst = differences(&of(&selected.device, precision.dtype()), &expected);
        assert!(worst.iter().all(|&worst| worst < tolerance), "{name} in {precision}: {worst:?}");
    }
}

#[test]
fn convolutions_and_their_gradients() {
    // batch, channels, outputs, height, width, kernel, stride, padding
    let cases = [
        [1, 1, 1, 1, 1, 1, 1, 0],
        [3, 5, 7, 6, 9, 3, 1, 1],
        [2, 16, 32, 8, 8, 3, 1, 1],
        [2, 8, 8, 8, 8, 3, 2, 1],
        [2, 8, 4, 7, 5, 3, 2, 1],
        [2, 8, 4, 7, 5, 3, 3, 0],
        [2, 12, 9, 4, 4, 1, 1, 0],
        [2, 12, 9, 5, 4, 1, 2, 0],
        [1, 3, 4, 5, 5, 3, 1, 0],
        [1, 3, 4, 5, 5, 3, 1, 2],
        [1, 3, 4, 5, 5, 1, 1, 1],
        [2, 3, 4, 6, 6, 5, 1, 2],
    ];
    for case @ [batch, channels, outputs, height, width, kernel, stride, padding] in cases {
        check(&format!("{case:?}"), |device, dtype| {
            let x = noise([batch, channels, height, width], 1, device, dtype);
            let weight = noise([outputs, channels, kernel, kernel], 2, device, dtype);
            let bias = noise([outputs], 3, device, dtype);
            let y = conv2d(x.clone(), weight.clone(), Some(bias.clone()), stride, padding);
            let grads = (y.clone() * noise(y.dims(), 4, device, dtype).detach()).sum().backward();
            vec![
                y.into_data(),
                x.grad(&grads).unwrap().into_data(),
                weight.grad(&grads).unwrap().into_data(),
                bias.grad(&grads).unwrap().into_data(),
            ]
        });
    }
}

/// Inputs and gradients that are views: their values are not contiguous in memory.
#[test]
fn convolutions_of_views() {
    check("swapped", |device, dtype| {
        let x = noise([5, 2, 7, 6], 1, device, dtype);
        let weight = noise([3, 4, 3, 3], 2, device, dtype);
        let y = conv2d(x.clone().swap_dims(0, 1).slice([0..2, 1..5]), weight.clone(), None, 1, 1);
        let y = y.swap_dims(2, 3);
        let grads = (y.clone() * noise(y.dims(), 4, device, dtype).detach()).sum().backward();
        let of = [x.grad(&grads).unwrap(), weight.grad(&grads).unwrap()];
        std::iter::once(y.into_data()).chain(of.map(Tensor::into_data)).collect()
    });
}

#[test]
fn normalisations_of_views() {
    check("a view", |device, dtype| {
        let x = noise([6, 2, 5, 4], 1, device, dtype);
        let [weight, bias] = [2, 3].map(|seed| noise([4], seed, device, dtype));
        let view = x.clone().swap_dims(0, 1).slice([0..2, 1..5]).swap_dims(2, 3);
        let y = group_norm_silu(view, weight.clone(), bias.clone(), 2, 1e-5);
        let grads = (y.clone() * y.clone()).sum().backward();
        let of = [weight.grad(&grads).unwrap(), bias.grad(&grads).unwrap()];
        let mut results = vec![y.into_data(), x.grad(&grads).unwrap().into_data()];
        results.extend(of.map(Tensor::into_data));
        results
    });
}

#[test]
fn normalisations_and_their_gradients() {
    // batch, channels, height, width, groups
    let cases = [
        [1, 4, 2, 2, 1],
        [3, 12, 5, 3, 3],
        [2, 8, 1, 3, 4],
        [2, 64, 8, 8, 32],
        [1, 6, 33, 32, 2],
        [2, 10, 7, 13, 5],
        [2, 5, 7, 13, 5],
    ];
    for case @ [batch, channels, height, width, groups] in cases {
        for kind in ["plain", "silu", "shifted"] {
            check(&format!("{kind} {case:?}"), |device, dtype| {
                let x = noise([batch, channels, height, width], 1, device, dtype);
                let shift = noise([batch, channels], 2, device, dtype);
                let weight = noise([channels], 3, device, dtype);
                let bias = noise([channels], 4, device, dtype);
                let [scale, offset] = [weight.clone(), bias.clone()];
                let y = match kind {
                    "plain" => group_norm(x.clone(), scale, offset, groups, 1e-5),
                    "silu" => group_norm_silu(x.clone(), scale, offset, groups, 1e-5),
                    _ => shifted_group_norm_silu(
                        x.clone(),
                        shift.clone(),
                        scale,
                        offset,
                        groups,
                        1e-5,
                    ),
                };
                let something = noise(y.dims(), 5, device, dtype).detach();
                let grads = (y.clone() * something).sum().backward();
                let mut results = vec![
                    y.into_data(),
                    x.grad(&grads).unwrap().into_data(),
                    weight.grad(&grads).unwrap().into_data(),
                    bias.grad(&grads).unwrap().into_data(),
                ];
                // In a group of one channel the shift has no effect, so its gradient is only rounding.
                if kind == "shifted" && groups < channels {
                    results.push(shift.grad(&grads).unwrap().into_data());
                }
                results
            });
        }
    }
}
