//! A convolution and its derivatives, each by the faster of two ways.

mod correlate;
mod lattice;
pub(crate) mod pack;
mod shape;
mod weight_grad;
mod winograd;

pub(crate) use shape::ConvShape;

/// `[B, C, H, W] -> [B, O, H', W']`
pub(crate) fn forward(
    shape: &ConvShape,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
) -> Vec<f32> {
    if winograd::fits(shape) {
        winograd::forward(shape, x, weight, bias)
    } else {
        correlate::forward(shape, x, weight, bias)
    }
}

/// The gradient of x, `[B, C, H, W]`, from that of the output, `[B, O, H', W']`.
pub(crate) fn x_grad(shape: &ConvShape, weight: &[f32], grad: &[f32]) -> Vec<f32> {
    if winograd::fits(shape) {
        winograd::x_grad(shape, weight, grad)
    } else {
        correlate::x_grad(shape, weight, grad)
    }
}

/// The gradient of the weight, `[O, C, K, K]`, from x and that of the output.
pub(crate) fn weight_grad(shape: &ConvShape, x: &[f32], grad: &[f32]) -> Vec<f32> {
    if winograd::fits(shape) {
        winograd::weight_grad(shape, x, grad)
    } else {
        weight_grad::weight_grad(shape, x, grad)
    }
}
