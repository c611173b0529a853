//! The convolution on GPUs: every one that Burn reaches through CubeCL.
//!
//! Burn chooses among its own kernels with `autotune`, by measuring. With `fusion` the backend's
//! tensors are promises on which no kernel of this crate can be launched. In both cases Burn's
//! operations are composed. Without either feature Burn computes each value of a convolution by
//! itself; [`products`] instead computes matrix products, which Burn has in blocks and on matrix
//! units.

#[cfg(not(any(feature = "autotune", feature = "fusion")))]
mod products;
#[cfg(all(
    test,
    feature = "flex",
    feature = "wgpu",
    not(any(feature = "autotune", feature = "fusion"))
))]
mod tests;
#[cfg(not(any(feature = "autotune", feature = "fusion")))]
mod unfold;

/// Burn's operations. Without `autotune` its only kernel sums 16 bits in 16 bits, and so is given
/// f32.
#[cfg(any(feature = "autotune", feature = "fusion"))]
impl super::kernels::ConvKernels for burn::backend::Cube {
    const WIDENS: bool = !cfg!(feature = "autotune");
}
