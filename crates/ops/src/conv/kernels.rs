//! What a backend provides for the convolution.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;

use super::composed;
use super::placement::Placement;

/// A convolution and its derivatives. Backends without kernels of this crate compose them of Burn's
/// operations.
///
/// A result may have another float type than the inputs; the caller casts it.
pub(crate) trait ConvKernels: Backend {
    /// Whether the kernels must be given f32 in place of 16-bit operands, because they would sum in
    /// 16 bits. A weight gradient is a sum over all pixels of all images.
    const WIDENS: bool = false;

    /// Computes the output `[B, O, H', W']`.
    fn conv_forward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: Option<FloatTensor<Self>>,
        at: Placement,
    ) -> FloatTensor<Self> {
        composed::forward::<Self>(x, weight, bias, at)
    }

    /// Computes the gradient of x, `[B, C, H, W]`, from that of the output.
    fn conv_x_grad(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        at: Placement,
    ) -> FloatTensor<Self> {
        composed::x_grad::<Self>(x, weight, grad, at)
    }

    /// Computes the gradient of the weight, `[O, C, K, K]`, from that of the output.
    fn conv_weight_grad(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        at: Placement,
    ) -> FloatTensor<Self> {
        composed::weight_grad::<Self>(x, weight, grad, at)
    }
}

#[cfg(feature = "ndarray")]
impl ConvKernels for burn::backend::NdArray {}
