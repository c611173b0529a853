//! What the tests share: pseudorandom tensors, and comparisons.

use std::fmt::Debug;

use burn::tensor::{Device, FloatDType, Tensor, TensorData};

/// Makes values in [-1, 1] (xorshift), without a period that sizes of tensors share.
pub(crate) fn noise(count: usize, seed: u32) -> Vec<f64> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            f64::from(state) / f64::from(u32::MAX) * 2.0 - 1.0
        })
        .collect()
}

/// Makes a tracked tensor of values in `mean` plus or minus `spread`. They are rounded to f32
/// whatever the type, so that all types get the same values.
pub(crate) fn tensor<const D: usize>(
    shape: [usize; D],
    seed: u32,
    [mean, spread]: [f64; 2],
    dtype: FloatDType,
) -> Tensor<D> {
    let noise = noise(shape.iter().product(), seed);
    let values = noise.into_iter().map(|value| (mean + spread * value) as f32).collect::<Vec<_>>();
    let values = TensorData::new(values, shape);
    Tensor::<D>::from_data(values, &Device::flex().autodiff()).cast(dtype).detach().require_grad()
}

/// The largest difference of two values at the same place; infinite if a difference is NaN.
pub(crate) fn largest_difference(found: &TensorData, expected: &TensorData) -> f64 {
    assert_eq!(found.shape(), expected.shape());
    let pairs = found.iter::<f64>().zip(expected.iter::<f64>());
    // A maximum would ignore NaN.
    let differences = pairs.map(|(found, expected)| (found - expected).abs());
    differences.map(|x| if x.is_nan() { f64::INFINITY } else { x }).fold(0.0, f64::max)
}

/// The largest difference, relative to the largest expected value or to `least`.
pub(crate) fn relative_difference(found: &TensorData, expected: &TensorData, least: f64) -> f64 {
    let largest = expected.iter::<f64>().map(f64::abs).fold(least, f64::max);
    largest_difference(found, expected) / largest
}

/// Asserts that `run` returns the same again, and on any number of threads.
pub(crate) fn assert_repeats<R: Debug + PartialEq + Send>(run: impl Fn() -> R + Sync) {
    let once = run();
    assert_eq!(once, run());
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(once, pool.install(&run), "{threads} threads");
    }
}
