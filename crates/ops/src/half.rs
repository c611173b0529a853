//! 16-bit tensors: stored and multiplied in 16 bits, summed in f32.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::{DType, FloatDType};

/// Whether the elements have 16 bits, of which 11 (f16) or 8 (bf16) are significant.
pub(crate) fn is_half<B: Backend>(tensor: &FloatTensor<B>) -> bool {
    matches!(tensor.dtype(), DType::F16 | DType::BF16)
}

/// Casts a 16-bit tensor to f32; returns any other as it is.
pub(crate) fn widen<B: Backend>(tensor: FloatTensor<B>) -> FloatTensor<B> {
    if is_half::<B>(&tensor) { B::float_cast(tensor, FloatDType::F32) } else { tensor }
}

/// Casts the tensor to this type, unless it has it.
pub(crate) fn in_type<B: Backend>(tensor: FloatTensor<B>, dtype: DType) -> FloatTensor<B> {
    if tensor.dtype() == dtype { tensor } else { B::float_cast(tensor, dtype.into()) }
}
