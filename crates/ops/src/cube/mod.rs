//! Kernels for every GPU that Burn reaches through CubeCL: one source, compiled for the device at run
//! time.
//!
//! Without `autotune` Burn computes a convolution directly, each output value by itself, in 0.6 TFLOP/s
//! on a GPU of 67. Here it is a matrix product, which Burn has in blocks and on matrix units, with the
//! image laid out as columns of patches ([`mod@unfold`]). A group normalisation with what stands around
//! it is one kernel ([`norm`]) where Burn's operations are twenty forward and forty backward: a small
//! network's step is limited by how many kernels the host can start.
//!
//! With `fusion` the backend's tensors are promises and there is nothing to launch on; Burn's
//! operations are arranged there.

#[cfg(not(feature = "autotune"))]
pub(crate) mod conv;
pub(crate) mod norm;
#[cfg(not(feature = "autotune"))]
mod unfold;
