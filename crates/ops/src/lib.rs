//! Tensor operations that make training diffusion models fast: convolution, group normalisation and
//! self-attention, each with a derivative of its own, and the optimiser's work on each parameter.
//!
//! They compute what Burn's operations compute, up to rounding:
//!
//! ```
//! use burn::tensor::{Device, Distribution, Tensor};
//! use halfstep_ops::{conv2d, group_norm_silu};
//!
//! let device = Device::flex().autodiff();
//! let x = Tensor::<4>::random([2, 8, 16, 16], Distribution::Default, &device);
//! let kernel = Tensor::<4>::random([8, 8, 3, 3], Distribution::Default, &device).require_grad();
//! let (weight, bias) = (Tensor::ones([8], &device), Tensor::zeros([8], &device));
//!
//! let hidden = group_norm_silu(x, weight, bias, 4, 1e-5);
//! let y = conv2d(hidden, kernel.clone(), None, 1, 1);
//! assert_eq!(y.dims(), [2, 8, 16, 16]);
//!
//! let grads = y.sum().backward();
//! assert_eq!(kernel.grad(&grads).unwrap().dims(), [8, 8, 3, 3]);
//! ```
//!
//! - [`conv2d`] is [`burn::tensor::module::conv2d`].
//! - [`group_norm`] is [`burn::nn::GroupNorm`]. [`group_norm_silu`] and [`shifted_group_norm_silu`]
//!   fuse it with what surrounds it in a residual block.
//! - [`attention()`] is [`burn::tensor::module::attention`] between the pixels of an image.
//! - [`adamw`], [`moving_average`] and [`sum_of_squares`] are an optimiser's work on each
//!   parameter.
//!
//! Programs call [`keep_freed_memory()`] first.
//!
//! # Backends
//!
//! The `flex` CPU backend runs kernels of this crate for every operation. GPUs run them for
//! convolution and normalisation. With `autotune` a GPU's convolution is Burn's, which chooses by
//! measuring; with `fusion` all is Burn's. Elsewhere this crate composes Burn's operations. Each
//! operation has a folder with one file or folder for each of these: `flex`, `cube` and
//! `composed.rs`. Its `kernels.rs` is what a backend provides, and its `autodiff.rs` makes that
//! differentiable; `dispatch.rs` chooses the backend.
//!
//! # Precision
//!
//! 16-bit inputs are multiplied in 16 bits. Sums outside of products (statistics, softmax,
//! gradients of biases) are f32 and rounded once. On a GPU a convolution's bias is added to the
//! rounded result.
//!
//! # Architecture invariant
//!
//! A result depends only on the inputs and on the processor's instruction set. The number of
//! threads, their scheduling and the other images of the batch have no influence (on a weight
//! gradient, the order of the images has one). Training runs therefore repeat bit for bit.

// Burn's ndarray backend is deprecated; it stays here as a third opinion for parity.
#![cfg_attr(feature = "ndarray", allow(deprecated))]

mod attention;
mod autodiff;
mod conv;
#[cfg(feature = "flex")]
mod cpu;
pub mod device;
mod dispatch;
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
