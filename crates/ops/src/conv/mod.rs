//! The 2D convolution.

pub(crate) mod autodiff;
mod composed;
#[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]
mod cube;
#[cfg(feature = "flex")]
mod flex;
pub(crate) mod kernels;
pub(crate) mod placement;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use crate::dispatch::{MaybeTensor, Operations};
use placement::Placement;

/// Convolves images with square kernels (a cross-correlation, as everywhere in deep learning).
///
/// `y[b,o,i,j] = bias[o] + sum over c,m,n of weight[o,c,m,n] x[b,c, s i + m - p, s j + n - p]`,
/// with s the `stride`, p the `padding`, and x zero outside the image.
///
/// The result equals [`burn::tensor::module::conv2d`]'s up to rounding.
///
/// # Shapes
/// - x: `[B, C, H, W]`
/// - weight: `[O, C, K, K]`
/// - bias: `[O]`
/// - output: `[B, O, (H + 2p - K) / s + 1, (W + 2p - K) / s + 1]`
///
/// # Panics
/// If the shapes do not fit each other, the stride is zero, or the kernel is larger than the padded
/// image.
pub fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    padding: usize,
) -> Tensor<4> {
    let [_, channels, height, width] = x.dims();
    let [outputs, weight_channels, kernel, kernel_width] = weight.dims();
    assert_eq!(channels, weight_channels, "conv2d: the weight is for another number of channels");
    assert_eq!(kernel, kernel_width, "conv2d: the kernel must be square");
    assert!(stride > 0, "conv2d: the stride must be at least 1");
    assert!(
        kernel > 0 && kernel <= height.min(width) + 2 * padding,
        "conv2d: a {kernel}x{kernel} kernel does not fit a {height}x{width} image padded by {padding}"
    );
    if let Some(bias) = &bias {
        assert_eq!(bias.dims(), [outputs], "conv2d: one bias for each output channel");
    }
    let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
    let bias = MaybeTensor::from(bias.map(Tensor::into_dispatch));
    Tensor::from_dispatch(Dispatch::square_conv2d(x, weight, bias, Placement { stride, padding }))
}
