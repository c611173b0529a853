//! Counter-based random numbers: every number is a pure function of (seed, purpose, index).
//!
//! A run that resumes needs no state of a generator, only its position. Image `k` gets the same
//! noise at any batch size and on any number of threads.
//!
//! - [`Stream`]: random bits, uniforms, integers and normals of one (seed, [`Purpose`], index).
//! - [`noise`]: the normals of several images at once, on all threads.
//! - [`EpochOrder`]: a new permutation of the images for every epoch.

mod log;
mod normal;
mod order;
mod stream;

pub use order::EpochOrder;
pub use stream::{Purpose, Stream, noise};
