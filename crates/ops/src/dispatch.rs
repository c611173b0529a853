//! The way from a public function to the kernels of its tensors' backend.
//!
//! A tensor's backend is known only at run time. [`Operations`] lists what can be called on such
//! tensors; Burn's `backend_extension` generates the choice of the backend. A plain backend runs
//! the forward pass of its own kernels ([`Kernels`]); autodiff runs the same kernels and records
//! their derivative ([`track`]).
//!
//! The backends are listed here, and once more for the optimiser's operations, which have no
//! derivative (`optimizer/kernels.rs`).

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, Backend, Dispatch, DispatchTensor, ExtensionType, backend_extension,
};

use crate::attention::autodiff::Attention;
use crate::attention::kernels::AttentionKernels;
use crate::autodiff::{Differentiable, track};
use crate::conv::kernels::ConvKernels;
use crate::conv::placement::Placement;
use crate::norm::inputs::NormOptions;
use crate::norm::kernels::NormKernels;

/// The operations that have a derivative of their own.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm")),
    NdArray: cfg(feature = "ndarray"),
    Autodiff
)]
pub(crate) trait Operations: Backend {
    /// Computes [`crate::conv2d`].
    fn square_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        #[extension_type] bias: MaybeTensor<Self>,
        at: Placement,
    ) -> FloatTensor<Self>;

    /// Computes [`crate::group_norm`] and its variants.
    fn normalise(
        x: FloatTensor<Self>,
        #[extension_type] shift: MaybeTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        options: NormOptions,
    ) -> FloatTensor<Self>;

    /// Computes [`crate::attention()`].
    fn pixel_attention(qkv: FloatTensor<Self>, heads: usize) -> FloatTensor<Self>;
}

/// A tensor or none. `Option` itself cannot be dispatched.
#[derive(ExtensionType)]
pub(crate) enum MaybeTensor<B: Backend> {
    None,
    Some(FloatTensor<B>),
}

impl From<Option<DispatchTensor>> for MaybeTensor<Dispatch> {
    fn from(tensor: Option<DispatchTensor>) -> Self {
        tensor.map_or(Self::None, Self::Some)
    }
}

impl<B: Run> Operations for B {
    fn square_conv2d(
        x: FloatTensor<B>,
        weight: FloatTensor<B>,
        bias: MaybeTensor<B>,
        at: Placement,
    ) -> FloatTensor<B> {
        match bias {
            MaybeTensor::None => B::run(at, [x, weight]),
            MaybeTensor::Some(bias) => B::run(at, [x, weight, bias]),
        }
    }

    fn normalise(
        x: FloatTensor<B>,
        shift: MaybeTensor<B>,
        weight: FloatTensor<B>,
        bias: FloatTensor<B>,
        options: NormOptions,
    ) -> FloatTensor<B> {
        match shift {
            MaybeTensor::None => B::run(options, [x, weight, bias]),
            MaybeTensor::Some(shift) => B::run(options, [x, shift, weight, bias]),
        }
    }

    fn pixel_attention(qkv: FloatTensor<B>, heads: usize) -> FloatTensor<B> {
        B::run(Attention { heads }, [qkv])
    }
}

/// A backend that runs the operations: one that has the kernels, or autodiff around such a one.
pub(crate) trait Run: Backend {
    /// The backend whose kernels compute.
    type Inner: Kernels;

    /// Computes the operation's output.
    fn run<O: Differentiable<Self::Inner, N>, const N: usize>(
        operation: O,
        inputs: [FloatTensor<Self>; N],
    ) -> FloatTensor<Self>;
}

impl<B: Kernels> Run for B {
    type Inner = B;

    fn run<O: Differentiable<B, N>, const N: usize>(
        operation: O,
        inputs: [FloatTensor<B>; N],
    ) -> FloatTensor<B> {
        operation.forward(inputs).0
    }
}

impl<B: Kernels, C: CheckpointStrategy> Run for Autodiff<B, C> {
    type Inner = B;

    fn run<O: Differentiable<B, N>, const N: usize>(
        operation: O,
        inputs: [FloatTensor<Self>; N],
    ) -> FloatTensor<Self> {
        track::<B, C, O, N>(operation, inputs)
    }
}

/// The kernels of all operations.
pub(crate) trait Kernels: ConvKernels + NormKernels + AttentionKernels {}

impl<B: ConvKernels + NormKernels + AttentionKernels> Kernels for B {}
