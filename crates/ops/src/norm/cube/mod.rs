//! Group normalisation on GPUs: every one that Burn reaches through CubeCL.
//!
//! It is one kernel forward, and one kernel with two sums backward, together with what surrounds
//! it. Burn's operations are dozens of kernels, and a small network's step is limited by how many
//! the host can start. With `fusion` the backend's tensors are promises on which no kernel of this
//! crate can be launched, and Burn's operations are composed.

#[cfg(not(feature = "fusion"))]
mod kernels;
#[cfg(not(feature = "fusion"))]
mod launch;

#[cfg(feature = "fusion")]
impl super::kernels::NormKernels for burn::backend::Cube {}
