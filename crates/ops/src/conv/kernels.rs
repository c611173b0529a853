//! The four computations of a convolution, backend by backend.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::ops::ConvOptions;

use crate::conv::{Placement, SquareConv2d};
use crate::half::{in_type, widen};

/// A convolution and its three derivatives. What a backend does not write itself is arranged from
/// Burn's operations.
pub(crate) trait ConvKernels: Backend {
    /// Whether operands of 16 bits are f32 inside, where the kernels would add them up in 16 bits: a
    /// weight gradient is a sum over all pixels of all images.
    const WIDE_INSIDE: bool = false;

    /// `[B, C, H, W] -> [B, O, H', W']`
    fn forward_kernel(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: Option<FloatTensor<Self>>,
        at: Placement,
    ) -> FloatTensor<Self> {
        Self::conv2d(x, weight, bias, options(at))
    }

    /// The gradient of x: `[B, C, H, W]`
    fn x_grad_kernel(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        at: Placement,
    ) -> FloatTensor<Self> {
        x_grad::<Self>(x, weight, grad, at)
    }

    /// The gradient of the weight: `[O, C, K, K]`
    fn weight_grad_kernel(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        at: Placement,
    ) -> FloatTensor<Self> {
        Self::conv2d_weight_backward(x, weight, grad, options(at))
    }

    /// As [`forward_kernel`](Self::forward_kernel), in x's type.
    fn conv_forward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: Option<FloatTensor<Self>>,
        at: Placement,
    ) -> FloatTensor<Self> {
        let dtype = x.dtype();
        let [x, weight] = [x, weight].map(inside::<Self>);
        let y = Self::forward_kernel(x, weight, bias.map(inside::<Self>), at);
        in_type::<Self>(y, dtype)
    }

    /// As [`x_grad_kernel`](Self::x_grad_kernel), in x's type.
    fn conv_x_grad(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        at: Placement,
    ) -> FloatTensor<Self> {
        let dtype = x.dtype();
        let [x, weight, grad] = [x, weight, grad].map(inside::<Self>);
        in_type::<Self>(Self::x_grad_kernel(x, weight, grad, at), dtype)
    }

    /// As [`weight_grad_kernel`](Self::weight_grad_kernel), in the weight's type.
    fn conv_weight_grad(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        at: Placement,
    ) -> FloatTensor<Self> {
        let dtype = weight.dtype();
        let [x, weight, grad] = [x, weight, grad].map(inside::<Self>);
        in_type::<Self>(Self::weight_grad_kernel(x, weight, grad, at), dtype)
    }

    /// The gradient of the bias: `[O]`
    fn conv_bias_grad(grad: FloatTensor<Self>) -> FloatTensor<Self> {
        let [b, o, h, w] = grad.shape().dims();
        let dtype = grad.dtype();
        let pixels = Self::float_reshape(widen::<Self>(grad), [b, o, h * w].into());
        let per_image = Self::float_reshape(Self::float_sum_dim(pixels, 2), [b, o].into());
        let sums = Self::float_reshape(Self::float_sum_dim(per_image, 0), [o].into());
        in_type::<Self>(sums, dtype)
    }
}

/// At stride 1 the data gradient is a convolution itself, of the output's gradient with the kernel
/// turned by half a turn and its channels swapped, padded by `K - 1 - p`: backends compute that
/// faster than a transposed convolution.
fn x_grad<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    grad: FloatTensor<B>,
    at: Placement,
) -> FloatTensor<B> {
    let [_, _, kernel, _] = weight.shape().dims();
    if at.stride != 1 || at.padding >= kernel {
        return B::conv2d_x_backward(x, weight, grad, options(at));
    }
    let turned = B::float_flip(B::float_swap_dims(weight, 0, 1), &[2, 3]);
    let turned_at = Placement { stride: 1, padding: kernel - 1 - at.padding };
    B::conv2d(grad, turned, None, options(turned_at))
}

fn options(at: Placement) -> ConvOptions<2> {
    ConvOptions::new([at.stride; 2], [at.padding; 2], [1; 2], 1)
}

fn inside<B: ConvKernels>(operand: FloatTensor<B>) -> FloatTensor<B> {
    if B::WIDE_INSIDE { widen::<B>(operand) } else { operand }
}

/// Burn's, which chooses with `autotune` what to do by measuring. Without it its only kernel adds 16 bits
/// up in 16 bits.
#[cfg(all(
    any(feature = "wgpu", feature = "cuda", feature = "rocm"),
    any(feature = "autotune", feature = "fusion")
))]
impl ConvKernels for burn::backend::Cube {
    const WIDE_INSIDE: bool = !cfg!(feature = "autotune");
}

#[cfg(feature = "ndarray")]
impl ConvKernels for burn::backend::NdArray {}

/// Without autodiff only the forward pass is asked for.
macro_rules! forward_only {
    ($backend:ty) => {
        impl SquareConv2d for $backend {
            fn square_conv2d(
                x: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                stride: usize,
                padding: usize,
            ) -> FloatTensor<Self> {
                Self::conv_forward(x, weight, None, Placement { stride, padding })
            }

            fn square_conv2d_with_bias(
                x: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                bias: FloatTensor<Self>,
                stride: usize,
                padding: usize,
            ) -> FloatTensor<Self> {
                Self::conv_forward(x, weight, Some(bias), Placement { stride, padding })
            }
        }
    };
}

#[cfg(feature = "flex")]
forward_only!(burn::backend::Flex);
#[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]
forward_only!(burn::backend::Cube);
#[cfg(feature = "ndarray")]
forward_only!(burn::backend::NdArray);

#[cfg(all(
    any(feature = "wgpu", feature = "cuda", feature = "rocm"),
    not(any(feature = "autotune", feature = "fusion"))
))]
mod on_cube {
    use burn::backend::ops::ModuleOps;

    use super::*;
    use crate::conv::cube;

    /// Matrix products of patches where they can be, and else Burn's direct kernel, in f32.
    impl ConvKernels for burn::backend::Cube {
        fn forward_kernel(
            x: FloatTensor<Self>,
            weight: FloatTensor<Self>,
            bias: Option<FloatTensor<Self>>,
            at: Placement,
        ) -> FloatTensor<Self> {
            if cube::ours(&x, &weight, at) {
                return cube::forward(x, weight, bias, at);
            }
            let [x, weight] = [x, weight].map(widen::<Self>);
            Self::conv2d(x, weight, bias.map(widen::<Self>), options(at))
        }

        fn x_grad_kernel(
            x: FloatTensor<Self>,
            weight: FloatTensor<Self>,
            grad: FloatTensor<Self>,
            at: Placement,
        ) -> FloatTensor<Self> {
            // A padding as wide as the kernel would be a negative one here.
            if cube::ours(&x, &weight, at) && at.padding < weight.shape()[3] {
                return cube::x_grad(&x, weight, grad, at);
            }
            let [x, weight, grad] = [x, weight, grad].map(widen::<Self>);
            x_grad::<Self>(x, weight, grad, at)
        }

        fn weight_grad_kernel(
            x: FloatTensor<Self>,
            weight: FloatTensor<Self>,
            grad: FloatTensor<Self>,
            at: Placement,
        ) -> FloatTensor<Self> {
            if cube::ours(&x, &weight, at) {
                return cube::weight_grad(x, &weight, grad, at);
            }
            let [x, weight, grad] = [x, weight, grad].map(widen::<Self>);
            Self::conv2d_weight_backward(x, weight, grad, options(at))
        }
    }
}

#[cfg(feature = "flex")]
pub(crate) mod on_flex {
    use burn::backend::Flex;
    use burn::backend::ops::ModuleOps;
    use burn::tensor::DType;

    use super::*;
    use crate::conv::flex::{self, ConvShape};
    use crate::cpu::{supported, tensor, values};

    type FlexTensor = FloatTensor<Flex>;

    /// The kernels written here for f32. Burn's for f64, for tensors without values, and where the
    /// processor has no vectors worth the name; they add f16 up in f16.
    impl ConvKernels for Flex {
        const WIDE_INSIDE: bool = true;

        fn forward_kernel(
            x: FlexTensor,
            weight: FlexTensor,
            bias: Option<FlexTensor>,
            at: Placement,
        ) -> FlexTensor {
            if !ours(&x) {
                return Flex::conv2d(x, weight, bias, options(at));
            }
            let shape = shape(&x, &weight, at);
            let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
            let bias = bias.map(|bias| bias.to_contiguous());
            let y = flex::forward(&shape, values(&x), values(&weight), bias.as_ref().map(values));
            tensor(y, [shape.batch, shape.outputs, shape.out_height(), shape.out_width()])
        }

        fn x_grad_kernel(
            x: FlexTensor,
            weight: FlexTensor,
            grad: FlexTensor,
            at: Placement,
        ) -> FlexTensor {
            if !ours(&x) {
                return x_grad::<Flex>(x, weight, grad, at);
            }
            let shape = shape(&x, &weight, at);
            let (weight, grad) = (weight.to_contiguous(), grad.to_contiguous());
            let dx = flex::x_grad(&shape, values(&weight), values(&grad));
            tensor(dx, [shape.batch, shape.channels, shape.height, shape.width])
        }

        fn weight_grad_kernel(
            x: FlexTensor,
            weight: FlexTensor,
            grad: FlexTensor,
            at: Placement,
        ) -> FlexTensor {
            if !ours(&x) {
                return Flex::conv2d_weight_backward(x, weight, grad, options(at));
            }
            let shape = shape(&x, &weight, at);
            let (x, grad) = (x.to_contiguous(), grad.to_contiguous());
            let dw = flex::weight_grad(&shape, values(&x), values(&grad));
            tensor(dw, [shape.outputs, shape.channels, shape.kernel, shape.kernel])
        }
    }

    pub(crate) fn ours(x: &FlexTensor) -> bool {
        x.dtype() == DType::F32 && x.shape().num_elements() > 0 && supported()
    }

    fn shape(x: &FlexTensor, weight: &FlexTensor, at: Placement) -> ConvShape {
        let [batch, channels, height, width] = x.shape().dims();
        let [outputs, _, kernel, _] = weight.shape().dims();
        let Placement { stride, padding } = at;
        ConvShape { batch, channels, height, width, outputs, kernel, stride, padding }
    }
}
