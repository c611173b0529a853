//! What a backend provides for group normalisation.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;

use super::composed;
use super::inputs::{NormGrads, NormInputs, NormOptions, Statistics};

/// A group normalisation and its derivative. Backends without kernels of this crate compose them of
/// Burn's operations.
pub(crate) trait NormKernels: Backend {
    /// Computes y `[B, C, H, W]`, in the type of x, and the statistics of the shifted x.
    fn norm_forward(
        inputs: NormInputs<Self>,
        options: NormOptions,
    ) -> (FloatTensor<Self>, Statistics<Self>) {
        composed::forward(inputs, options)
    }

    /// Computes the gradients of all inputs from that of y, each in the type of its input.
    fn norm_backward(
        inputs: NormInputs<Self>,
        statistics: Statistics<Self>,
        grad: FloatTensor<Self>,
        options: NormOptions,
    ) -> NormGrads<Self> {
        composed::backward(inputs, statistics, grad, options)
    }
}

#[cfg(feature = "ndarray")]
impl NormKernels for burn::backend::NdArray {}
