//! Keeping x0 in range without saturating it.

use burn::tensor::Tensor;

/// Dynamic thresholding (Saharia et al. 2022, arXiv:2205.11487, section 2.3): x0 `[B, C, H, W]`
/// clipped to `[-s, s]` and divided by `s`, with `s` the `ratio` quantile of the magnitudes of its
/// image, but not below 1 nor above `max`.
///
/// `ratio` is in `(0, 1]`. Where `s` is 1 this is clipping to `[-1, 1]`. The quantile is linear between neighbours,
/// like torch's.
pub fn dynamic_threshold(x0: Tensor<4>, ratio: f64, max: f64) -> Tensor<4> {
    let [batch, channels, height, width] = x0.dims();
    let count = channels * height * width;
    let position = ratio.clamp(0.0, 1.0) * count.saturating_sub(1) as f64;
    let (below, above) = (position.floor() as usize, position.ceil() as usize);
    let sorted = x0.clone().abs().reshape([batch, count]).sort(1);
    let at = |index: usize| sorted.clone().slice([0..batch, index..index + 1]);
    let (low, high) = (at(below), at(above));
    let quantile = low.clone() + (high - low) * (position - below as f64);
    let s = quantile.clamp(1.0, max.max(1.0)).reshape([batch, 1, 1, 1]);
    (x0 / s).clamp(-1.0, 1.0)
}
