//! Datasets that their authors publish as a fixed set of files.

pub(crate) mod cifar;
pub(crate) mod digits;
pub(crate) mod fetch;
pub(crate) mod idx;
pub(crate) mod inflate;
pub(crate) mod mnist;
mod release;

pub use cifar::CIFAR10;
pub use fetch::fetch;
pub use mnist::{FASHION_MNIST, MNIST};
pub use release::{Packing, PublishedFile, Release};
