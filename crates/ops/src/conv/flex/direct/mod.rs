//! Convolution and its derivatives as one matrix product each, without a matrix of patches.
//!
//! The left factor of each product is the matrix of image patches (im2col). That matrix is never
//! built. With the image laid out channels-last and padded, its entry for pixel n and patch element
//! k is at address `pixel[n] + patch[k]`, a sum of two table entries;
//! [`Product`](crate::cpu::product::Product) reads it there.
//!
//! | computes | rows | sums over | right factor |
//! |---|---|---|---|
//! | output | output pixels | patch | weight |
//! | gradient of x | x's pixels | patch of the output's gradient | weight, rotated |
//! | gradient of weight | patch | output pixels | the output's gradient |

mod correlate;
pub(super) mod lattice;
mod weight_grad;

pub(super) use correlate::{forward, x_grad};
pub(super) use weight_grad::weight_grad;
