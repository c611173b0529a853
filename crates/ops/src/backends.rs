//! The four computations of a convolution, backend by backend.

#[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]
use burn::backend::ops::ModuleOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::ops::ConvOptions;

use crate::conv::{Placement, SquareConv2d};
use crate::half::{in_type, widen};

/// A convolution and its three derivatives. What a backend does not write itself is arranged from
/// Burn's operations.
pub(crate) trait ConvKernels: Backend {
    /// `[B, C, H, W] -> [B, O, H', W']`
    fn conv_forward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: Option<FloatTensor<Self>>,
        at: Placement,
    ) -> FloatTensor<Self> {
        Self::conv2d(x, weight, bias, options(at))
    }

    /// The gradient of x: `[B, C, H, W]`
    fn conv_x_grad(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        at: Placement,
    ) -> FloatTensor<Self> {
        x_grad::<Self>(x, weight, grad, at)
    }

    /// The gradient of the weight: `[O, C, K, K]`
    fn conv_weight_grad(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        at: Placement,
    ) -> FloatTensor<Self> {
        Self::conv2d_weight_backward(x, weight, grad, options(at))
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

/// Without `autotune` Burn computes convolutions by a kernel that adds 16 bits up in 16 bits, a weight
/// gradient over all pixels of all images, and has no use for matrix units: 16 bits are f32 inside.
#[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]
impl ConvKernels for burn::backend::Cube {
    fn conv_forward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: Option<FloatTensor<Self>>,
        at: Placement,
    ) -> FloatTensor<Self> {
        let dtype = x.dtype();
        let [x, weight] = [x, weight].map(inside);
        let y = <Self as ModuleOps<Self>>::conv2d(x, weight, bias.map(inside), options(at));
        in_type::<Self>(y, dtype)
    }

    fn conv_x_grad(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        at: Placement,
    ) -> FloatTensor<Self> {
        let dtype = x.dtype();
        let [x, weight, grad] = [x, weight, grad].map(inside);
        in_type::<Self>(x_grad::<Self>(x, weight, grad, at), dtype)
    }

    fn conv_weight_grad(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        at: Placement,
    ) -> FloatTensor<Self> {
        let dtype = weight.dtype();
        let [x, weight, grad] = [x, weight, grad].map(inside);
        let grad = <Self as ModuleOps<Self>>::conv2d_weight_backward(x, weight, grad, options(at));
        in_type::<Self>(grad, dtype)
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]
fn inside(tensor: FloatTensor<burn::backend::Cube>) -> FloatTensor<burn::backend::Cube> {
    if cfg!(feature = "autotune") { tensor } else { widen::<burn::backend::Cube>(tensor) }
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

#[cfg(feature = "flex")]
pub(crate) mod on_flex {
    use burn::backend::Flex;
    use burn::backend::ops::ModuleOps;
    use burn::tensor::DType;

    use super::*;
    use crate::flex::{self, tensor, values};
    use crate::half::is_half;

    type FlexTensor = FloatTensor<Flex>;

    /// The kernels written here for f32, between whose borders 16 bits are f32 as well: Burn's add f16
    /// up in f16. Burn's for f64, for tensors without values, and where the processor has no vectors
    /// worth the name.
    impl ConvKernels for Flex {
        fn conv_forward(
            x: FlexTensor,
            weight: FlexTensor,
            bias: Option<FlexTensor>,
            at: Placement,
        ) -> FlexTensor {
            if is_half::<Flex>(&x) {
                let (dtype, bias) = (x.dtype(), bias.map(widen::<Flex>));
                let y = Self::conv_forward(widen::<Flex>(x), widen::<Flex>(weight), bias, at);
                return in_type::<Flex>(y, dtype);
            }
            if !ours(&x) {
                return Flex::conv2d(x, weight, bias, options(at));
            }
            let shape = shape(&x, &weight, at);
            let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
            let bias = bias.map(|bias| bias.to_contiguous());
            let y = flex::forward(&shape, values(&x), values(&weight), bias.as_ref().map(values));
            tensor(y, [shape.batch, shape.outputs, shape.out_height(), shape.out_width()])
        }

        fn conv_x_grad(
            x: FlexTensor,
            weight: FlexTensor,
            grad: FlexTensor,
            at: Placement,
        ) -> FlexTensor {
            if is_half::<Flex>(&x) {
                let (dtype, [x, weight, grad]) = wide([x, weight, grad]);
                return in_type::<Flex>(Self::conv_x_grad(x, weight, grad, at), dtype);
            }
            if !ours(&x) {
                return x_grad::<Flex>(x, weight, grad, at);
            }
            let shape = shape(&x, &weight, at);
            let (weight, grad) = (weight.to_contiguous(), grad.to_contiguous());
            let dx = flex::x_grad(&shape, values(&weight), values(&grad));
            tensor(dx, [shape.batch, shape.channels, shape.height, shape.width])
        }

        fn conv_weight_grad(
            x: FlexTensor,
            weight: FlexTensor,
            grad: FlexTensor,
            at: Placement,
        ) -> FlexTensor {
            if is_half::<Flex>(&x) {
                let (dtype, [x, weight, grad]) = wide([x, weight, grad]);
                return in_type::<Flex>(Self::conv_weight_grad(x, weight, grad, at), dtype);
            }
            if !ours(&x) {
                return Flex::conv2d_weight_backward(x, weight, grad, options(at));
            }
            let shape = shape(&x, &weight, at);
            let (x, grad) = (x.to_contiguous(), grad.to_contiguous());
            let dw = flex::weight_grad(&shape, values(&x), values(&grad));
            tensor(dw, [shape.outputs, shape.channels, shape.kernel, shape.kernel])
        }
    }

    /// The type they had, and all in f32.
    fn wide<const N: usize>(tensors: [FlexTensor; N]) -> (DType, [FlexTensor; N]) {
        (tensors[0].dtype(), tensors.map(widen::<Flex>))
    }

    pub(crate) fn ours(x: &FlexTensor) -> bool {
        x.dtype() == DType::F32 && x.shape().num_elements() > 0 && flex::supported()
    }

    fn shape(x: &FlexTensor, weight: &FlexTensor, at: Placement) -> flex::ConvShape {
        let [batch, channels, height, width] = x.shape().dims();
        let [outputs, _, kernel, _] = weight.shape().dims();
        let Placement { stride, padding } = at;
        flex::ConvShape { batch, channels, height, width, outputs, kernel, stride, padding }
    }
}
