//! Datasets that their authors publish as a fixed set of files.

pub(crate) mod cifar;
pub(crate) mod digits;
pub(crate) mod fetch;
pub(crate) mod idx;
pub(crate) mod inflate;
pub(crate) mod mnist;
mod origin;
mod release;

pub use cifar::CIFAR10;
pub use fetch::{FetchReport, fetch_at, fetch_from};
pub use mnist::{FASHION_MNIST, MNIST};
pub use origin::{Origin, ParseOriginError};
pub use release::{FilePacking, PublishedFile, Release, ReleaseSource};

/// The published datasets that this crate reads.
pub static RELEASES: [&Release; 3] = [&CIFAR10, &MNIST, &FASHION_MNIST];
