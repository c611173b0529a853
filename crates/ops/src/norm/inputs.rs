//! What a group normalisation takes and gives.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;

/// All that a normalisation needs besides its tensors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NormOptions {
    pub(crate) groups: usize,
    pub(crate) epsilon: f64,
    /// Whether SiLU follows.
    pub(crate) silu: bool,
}

/// The tensors: x `[B, C, H, W]`, shift `[B, C]`, weight and bias `[C]`.
pub(crate) struct NormInputs<B: Backend> {
    pub(crate) x: FloatTensor<B>,
    pub(crate) shift: Option<FloatTensor<B>>,
    pub(crate) weight: FloatTensor<B>,
    pub(crate) bias: FloatTensor<B>,
}

/// The gradients of [`NormInputs`], of the same shapes.
pub(crate) struct NormGrads<B: Backend> {
    pub(crate) x: FloatTensor<B>,
    pub(crate) shift: Option<FloatTensor<B>>,
    pub(crate) weight: FloatTensor<B>,
    pub(crate) bias: FloatTensor<B>,
}

/// The statistics of each group of each image, `[B, G, 1]`. Their float type is the backend's own
/// choice: only the backend that computed them reads them.
#[derive(Clone, Debug)]
pub(crate) struct Statistics<B: Backend> {
    pub(crate) mean: FloatTensor<B>,
    /// `1 / sqrt(variance + epsilon)`
    pub(crate) inverse_std: FloatTensor<B>,
}
