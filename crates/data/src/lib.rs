//! Datasets for halfstep, in host memory: reading them, fetching and verifying them, drawing from them.
//!
//! A [`DataConfig`] says which images; [`DataConfig::load`] reads them into a [`Dataset`] of bytes;
//! [`Dataset::batch`] turns the picked ones into `[B, C, H, W]` floats in `[-1, 1]`.
//! Which image comes when is [`EpochOrder`]'s to say, and every random number of halfstep comes
//! from a [`Stream`]: both are pure functions of a seed and a position, so a run that resumes
//! needs no state but the position.
//!
//! ```
//! use halfstep_data::{DataConfig, EpochOrder, Pick, Progress};
//!
//! let digits = DataConfig::Digits {}.load(Progress::Hidden)?;
//! let mut order = EpochOrder::new(digits.len(), 7);
//! let picks: Vec<Pick> = (0..16).map(|position| Pick::new(order.index(position))).collect();
//! let batch = digits.batch(&picks);
//! assert_eq!(batch.shape, [16, 1, 8, 8]);
//! # Ok::<(), halfstep_data::DataError>(())
//! ```
//!
//! **Invariant.** Nothing here depends on a device or on a tensor library, nothing panics on what a
//! file or a server holds, and no file is read into more memory than its real content takes.

mod config;
mod dataset;
mod error;
mod folder;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub mod hash;
mod paths;
mod picture;
mod progress;
mod published;
#[cfg(test)]
mod testing;

pub use config::{DataConfig, Outline, Split};
pub use dataset::{Batch, Dataset, Nearest, Pick, list_classes};
pub use error::DataError;
pub use folder::{PassedOver, PictureFiles, find_pictures, read_folder};
pub use paths::{HomeError, expand_home, in_one_case, relative_to, resolved};
pub use picture::{Colour, picture_sides, read_picture, read_square};
pub use progress::Progress;
pub use published::{CIFAR10, FASHION_MNIST, MNIST, Packing, PublishedFile, Release, fetch};

// These live in `halfstep_core::rng` and are re-exported while callers move there.
pub use halfstep_core::rng::{EpochOrder, Purpose, Stream, noise};
