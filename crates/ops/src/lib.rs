//! Tensor operations fast enough to train with.
//!
//! [`conv2d`] computes what [`burn::tensor::module::conv2d`] computes, with a backward pass of its
//! own; [`group_norm`] what [`burn::nn::GroupNorm`] computes, and [`group_norm_silu`] and
//! [`shifted_group_norm_silu`] the same with what stands around it in a residual block, in one go;
//! [`attention()`] the [`burn::tensor::module::attention`] of an image's pixels among themselves;
//! [`adamw`], [`moving_average`] and [`sum_of_squares`] what an optimiser does to each parameter.
//! On the `flex` CPU backend they run kernels written here; on a GPU so do convolution (but with
//! `autotune`, where Burn chooses by measuring) and normalisation, unless `fusion` is compiled in.
//! Elsewhere they arrange Burn's.
//!
//! Inputs of 16 bits are multiplied in 16 bits; what is summed up outside a product (statistics,
//! softmax, gradients of biases) is summed up in f32 and rounded once; on a GPU a convolution's bias is
//! added to what was rounded.
//!
//! Programs call [`keep_freed_memory()`] first.
//!
//! # Architecture invariant
//!
//! A result depends on the inputs and the processor's instruction set alone: not on the number of
//! threads, their scheduling, or the other images of the batch (for a weight gradient, the order of
//! the images). Training runs repeat bit for bit.

// Burn's ndarray backend is deprecated; it stays here as a third opinion for parity.
#![cfg_attr(feature = "ndarray", allow(deprecated))]

mod attention;
mod conv;
#[cfg(feature = "flex")]
mod cpu;
#[cfg(all(any(feature = "wgpu", feature = "cuda", feature = "rocm"), not(feature = "fusion")))]
mod gpu;
mod half;
mod memory;
mod norm;
mod optimizer;

pub use attention::attention;
pub use conv::conv2d;
pub use memory::keep_freed_memory;
pub use norm::{group_norm, group_norm_silu, shifted_group_norm_silu};
pub use optimizer::{AdamWStep, adamw, moving_average, sum_of_squares};
