//! What the CPU kernels share: access to flex tensors, aligned memory, and loops over vectors.

mod access;
pub(crate) mod buffer;
pub(crate) mod exp;
pub(crate) mod lanes;
pub(crate) mod product;
pub(crate) mod transpose;
pub(crate) mod workspace;

pub(crate) use access::{owned, supports, tensor, values, values_mut};
