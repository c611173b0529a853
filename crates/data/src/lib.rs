//! Images to train on, in host memory: reading them, fetching and verifying them, taking batches.
//!
//! ```
//! use halfstep_core::rng::EpochOrder;
//! use halfstep_data::{DataConfig, Pick};
//!
//! let digits = DataConfig::Digits {}.load()?;
//! let mut order = EpochOrder::new(digits.len(), 7);
//! let picks: Vec<Pick> = (0..16).map(|position| Pick::new(order.index(position))).collect();
//! let batch = digits.batch(&picks);
//! assert_eq!(batch.shape, [16, 1, 8, 8]);
//! # Ok::<(), halfstep_data::DataError>(())
//! ```
//!
//! A [`DataConfig`] names a dataset; [`DataConfig::load`] fetches it if need be and reads it into a
//! [`Dataset`] of bytes. A [`Dataset`] is one [`ImageSource`]; write another to train on images of your own.
//! [`ImageSource::batch`] turns the picked images into `[B, C, H, W]` floats in `[-1, 1]`.
//!
//! | module | content |
//! |---|---|
//! | `source` | [`ImageSource`] with [`Pick`], [`Batch`], [`Nearest`] and [`Outline`] |
//! | `dataset` | [`Dataset`]: bytes, labels, class names, identity |
//! | `config` | [`DataConfig`]: the `[data]` section of a configuration file |
//! | `published` | [`Release`]s ([`CIFAR10`], [`MNIST`], [`FASHION_MNIST`], the embedded digits): formats, [`fetch_from`] |
//! | `folder`, `picture` | folders of pictures: [`read_folder`], [`find_pictures`], [`read_picture`] |
//! | `paths` | paths as people write them: [`expand_home`], [`relative_to`] |
//! | [`cli`] | the command `data`: flags, progress bars, printing |
//!
//! **Invariant.** Nothing here depends on a device. Nothing panics on the content of a file or a response of
//! a server. No file is read into more memory than its real content takes.

pub mod cli;
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
mod source;
mod split;
#[cfg(test)]
mod testing;

pub use config::DataConfig;
pub use dataset::{Dataset, list_classes};
pub use error::DataError;
pub use folder::{PassedOver, PictureFiles, find_pictures, read_folder};
pub use paths::{HomeError, expand_home, in_one_case, relative_to, resolved};
pub use picture::{Colour, picture_sides, read_picture, read_square};
pub use progress::{LoadEvent, LoadProgress, silent};
pub use published::{
    CIFAR10, FASHION_MNIST, FetchReport, FilePacking, MNIST, Origin, ParseOriginError,
    PublishedFile, RELEASES, Release, ReleaseSource, fetch_at, fetch_from,
};
pub use source::{Batch, ImageSource, Nearest, Outline, Pick};
pub use split::Split;
