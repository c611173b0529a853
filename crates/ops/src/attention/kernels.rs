//! What a backend provides for self-attention.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;

use super::composed;

/// A self-attention and its derivative. Backends without kernels of this crate compose them of
/// Burn's operations.
pub(crate) trait AttentionKernels: Backend {
    /// Computes the output: `[B, 3 C, H, W] -> [B, C, H, W]`.
    fn attention_forward(qkv: FloatTensor<Self>, heads: usize) -> FloatTensor<Self> {
        composed::forward::<Self>(qkv, heads)
    }

    /// Computes the gradient of qkv, `[B, 3 C, H, W]`, from that of the output, `[B, C, H, W]`.
    fn attention_backward(
        qkv: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        heads: usize,
    ) -> FloatTensor<Self> {
        composed::backward::<Self>(qkv, grad, heads)
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]
impl AttentionKernels for burn::backend::Cube {}

#[cfg(feature = "ndarray")]
impl AttentionKernels for burn::backend::NdArray {}
