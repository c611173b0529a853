//! The convolution on the CPU: as a direct product, or by Winograd's method where that is faster.
//!
//! Every element of a result is one sum in one fixed order: threads share the elements and never a
//! sum. Only the weight gradient is a sum of partial sums, over chunks of the batch that the shape
//! determines, added in order.

mod direct;
mod padded;
mod shape;
mod winograd;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};

use super::composed;
use super::kernels::ConvKernels;
use super::placement::Placement;
use crate::cpu::{supports, tensor, values};
use shape::ConvShape;

type FlexTensor = FloatTensor<Flex>;

/// f32 is computed by the kernels here, all else by Burn's. Those would sum f16 in f16, and so are
/// given f32.
impl ConvKernels for Flex {
    const WIDENS: bool = true;

    fn conv_forward(
        x: FlexTensor,
        weight: FlexTensor,
        bias: Option<FlexTensor>,
        at: Placement,
    ) -> FlexTensor {
        if !supports(&x) {
            return composed::forward::<Flex>(x, weight, bias, at);
        }
        let shape = ConvShape::new(x.shape().dims(), weight.shape().dims(), at);
        let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
        let bias = bias.map(|bias| bias.to_contiguous());
        let forward = if winograd::is_faster(&shape) { winograd::forward } else { direct::forward };
        let y = forward(&shape, values(&x), values(&weight), bias.as_ref().map(values));
        tensor(y, [shape.batch, shape.outputs, shape.out_height(), shape.out_width()])
    }

    fn conv_x_grad(
        x: FlexTensor,
        weight: FlexTensor,
        grad: FlexTensor,
        at: Placement,
    ) -> FlexTensor {
        if !supports(&x) {
            return composed::x_grad::<Flex>(x, weight, grad, at);
        }
        let shape = ConvShape::new(x.shape().dims(), weight.shape().dims(), at);
        let (weight, grad) = (weight.to_contiguous(), grad.to_contiguous());
        let x_grad = if winograd::is_faster(&shape) { winograd::x_grad } else { direct::x_grad };
        let dx = x_grad(&shape, values(&weight), values(&grad));
        tensor(dx, [shape.batch, shape.channels, shape.height, shape.width])
    }

    fn conv_weight_grad(
        x: FlexTensor,
        weight: FlexTensor,
        grad: FlexTensor,
        at: Placement,
    ) -> FlexTensor {
        if !supports(&x) {
            return composed::weight_grad::<Flex>(x, weight, grad, at);
        }
        let shape = ConvShape::new(x.shape().dims(), weight.shape().dims(), at);
        let (x, grad) = (x.to_contiguous(), grad.to_contiguous());
        let weight_grad =
            if winograd::is_faster(&shape) { winograd::weight_grad } else { direct::weight_grad };
        let dw = weight_grad(&shape, values(&x), values(&grad));
        tensor(dw, [shape.outputs, shape.channels, shape.kernel, shape.kernel])
    }
}
