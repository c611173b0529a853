//! Kernels for the CPU: convolution, group normalisation (`norm`), and self-attention
//! (`attention`).
//!
//! All three computations of a convolution, as `correlate` and `weight_grad` do them, are one: a
//! matrix product whose left factor is the
//! matrix of image patches (im2col). That matrix is never built. With the image laid out
//! channels-last and padded, its entry for pixel n and patch element k is found at address
//! `pixel[n] + patch[k]`, a sum of two table entries, and so [`product::Product`] multiplies it in place:
//!
//! | computes | rows | summed over | right factor |
//! |---|---|---|---|
//! | output | output pixels | patch | weight |
//! | gradient of x | x's pixels | patch of the output's gradient | weight, turned |
//! | gradient of weight | patch | output pixels | the output's gradient |
//!
//! Where a convolution is 3x3 and of stride 1, `winograd` does it with a quarter of the
//! multiplications.
//!
//! Every element of a result is one sum in one fixed order: threads share out the elements and
//! never a sum. The weight gradient alone is a sum of partial sums, over chunks of the batch that
//! the shape determines, added in order.

mod access;
pub(crate) mod lanes;
pub(crate) mod product;
pub(crate) mod sigmoid;
pub(crate) mod spares;
pub(crate) mod transpose;

pub(crate) use access::{owned, tensor, values, values_mut};

/// Whether the processor has vectors that the kernels here are faster with.
pub(crate) fn supported() -> bool {
    product::lanes() >= 4
}
