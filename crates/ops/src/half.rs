//! 16-bit tensors: stored and multiplied in 16 bits, summed up in f32.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::{DType, FloatDType};

/// Whether it has 16 bits an element: 11 (f16) or 8 (bf16) of them significant.
pub(crate) fn is_half<B: Backend>(tensor: &FloatTensor<B>) -> bool {
    matches!(tensor.dtype(), DType::F16 | DType::BF16)
}

/// In f32 if it has 16 bits, else as it is.
pub(crate) fn widen<B: Backend>(tensor: FloatTensor<B>) -> FloatTensor<B> {
    if is_half::<B>(&tensor) { B::float_cast(tensor, FloatDType::F32) } else { tensor }
}

/// In this type; nothing is done if it is.
pub(crate) fn in_type<B: Backend>(tensor: FloatTensor<B>, dtype: DType) -> FloatTensor<B> {
    if tensor.dtype() == dtype { tensor } else { B::float_cast(tensor, dtype.into()) }
}
