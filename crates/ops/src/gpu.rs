//! What the GPU kernels share. There is one source for every GPU that Burn reaches through CubeCL,
//! compiled for the device at run time.
//!
//! With `fusion` the backend's tensors are promises, on which no kernel can be launched. There
//! Burn's operations are composed.

use burn::backend::TensorMetadata;
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;

/// Whether the kernels can take the tensor: floats of at most 32 bits, at least one of them, and no
/// more than 32 bits can count.
pub(crate) fn fits_kernels(x: &CubeTensor) -> bool {
    let values = x.shape().num_elements();
    let float = matches!(x.dtype, DType::F32 | DType::F16 | DType::BF16);
    float && values > 0 && u32::try_from(values).is_ok()
}
