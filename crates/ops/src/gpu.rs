//! Kernels for every GPU that Burn reaches through CubeCL: one source, compiled for the device at run
//! time.
//!
//! Without `autotune` Burn computes each value of a convolution by itself. Here it is a matrix product,
//! which Burn has in blocks and on matrix units, with the image laid out as columns of patches
//! (`unfold`). A group normalisation with what stands around it is one kernel forward and one, with two
//! sums, backward (`norm::cube`), where Burn's operations are dozens: a small network's step is limited by
//! how many kernels the host can start.
//!
//! With `fusion` the backend's tensors are promises and there is nothing to launch on; Burn's
//! operations are arranged there.

use burn::backend::TensorMetadata;
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;

/// Whether the kernels here are for it: floats of at most 32 bits, and as many as 32 bits can count.
pub(crate) fn fits(x: &CubeTensor) -> bool {
    let values = x.shape().num_elements();
    let float = matches!(x.dtype, DType::F32 | DType::F16 | DType::BF16);
    float && values > 0 && u32::try_from(values).is_ok()
}
