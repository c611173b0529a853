//! The convolution and its derivatives, composed of Burn's operations: the path of backends without
//! kernels of this crate.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};

use super::placement::Placement;

/// Computes the output `[B, O, H', W']`.
pub(crate) fn forward<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: Option<FloatTensor<B>>,
    at: Placement,
) -> FloatTensor<B> {
    B::conv2d(x, weight, bias, at.options())
}

/// Computes the gradient of x, `[B, C, H, W]`.
///
/// At stride 1 it is a convolution itself: of the output's gradient with the kernel rotated by 180
/// degrees and its channels swapped, padded by `K - 1 - p`. Backends compute that faster than a
/// transposed convolution.
pub(crate) fn x_grad<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    grad: FloatTensor<B>,
    at: Placement,
) -> FloatTensor<B> {
    let [_, _, kernel, _] = weight.shape().dims();
    if at.stride != 1 || at.padding >= kernel {
        return B::conv2d_x_backward(x, weight, grad, at.options());
    }
    let rotated = B::float_flip(B::float_swap_dims(weight, 0, 1), &[2, 3]);
    let rotated_at = Placement { stride: 1, padding: kernel - 1 - at.padding };
    B::conv2d(grad, rotated, None, rotated_at.options())
}

/// Computes the gradient of the weight, `[O, C, K, K]`.
pub(crate) fn weight_grad<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    grad: FloatTensor<B>,
    at: Placement,
) -> FloatTensor<B> {
    B::conv2d_weight_backward(x, weight, grad, at.options())
}

/// Computes the gradient of the bias, `[O]`: the sum over pixels, then over images.
pub(crate) fn bias_grad<B: Backend>(grad: FloatTensor<B>) -> FloatTensor<B> {
    let [b, o, h, w] = grad.shape().dims();
    let pixels = B::float_reshape(grad, [b, o, h * w].into());
    let per_image = B::float_reshape(B::float_sum_dim(pixels, 2), [b, o].into());
    B::float_reshape(B::float_sum_dim(per_image, 0), [o].into())
}
