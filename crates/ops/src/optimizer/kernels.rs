//! What a backend provides for the optimiser's operations.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

use super::composed;
use super::rule::Factors;

/// The optimiser's operations. Burn's `backend_extension` generates the choice of the tensors'
/// backend. Backends without kernels of this crate compose them of Burn's operations.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm")),
    NdArray: cfg(feature = "ndarray")
)]
pub(crate) trait OptimizerKernels: Backend {
    /// Takes a step of AdamW along `grad_scale` times `grad`: returns weights, first and second
    /// moments.
    fn adamw_step(
        weights: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        grad_scale: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        factors: Factors,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        composed::adamw::<Self>(weights, grad, grad_scale, [first, second], factors)
    }

    /// Computes `decay average + (1 - decay) values`.
    fn average_step(
        average: FloatTensor<Self>,
        values: FloatTensor<Self>,
        decay: f64,
    ) -> FloatTensor<Self> {
        composed::average::<Self>(average, values, decay)
    }

    /// Sums the squares of the values: `[1]`.
    fn squared_norm(values: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::sum_of_squares::<Self>(values)
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]
impl OptimizerKernels for burn::backend::Cube {}

#[cfg(feature = "ndarray")]
impl OptimizerKernels for burn::backend::NdArray {}
