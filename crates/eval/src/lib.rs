//! What the field measures generated images by.
//!
//! [`Inception`] turns images into [`Features`] as pytorch-fid does, number for number;
//! [`frechet_distance`] (FID), [`kernel_distance`] (KID), [`precision_recall`] and [`inception_score`] are
//! made of features, in f64. Nothing here is called FID that is not made with the network of that name:
//! the distances take the features of any network.
//!
//! [`Pictures`] are images from a folder, an npz file or a dataset; [`pixel_features`] are what can be
//! compared of small ones without any network, [`FeatureNetwork`] is one that the user has.
//!
//! [`Walk`], of which the variational bound is, and [`ProbabilityFlow`] say how probable a model finds images.
//!
//! Images are `[B, 3, H, W]` with values in `[0, 1]`, 8-bit values over 255.

pub mod cli;
mod error;
mod evaluation;
mod features;
mod images;
mod likelihood;
mod metrics;
mod sweep;

pub use error::EvalError;
pub use features::inception::{Answers, Inception};
pub use features::matrix::{Features, OnDone};
pub use features::pixels::pixel_features;
pub use features::published::INCEPTION;
pub use features::resize::resize_bilinear;
pub use features::user_network::FeatureNetwork;
pub use images::archive::{listed_arrays, npz_arrays};
pub use images::{Batch, ImageSizes, Pictures};
pub use likelihood::{BoundParts, Decoder, ProbabilityFlow, Walk, bits_per_dim};
pub use metrics::frechet::{Statistics, frechet_distance};
pub use metrics::inception_score::{InceptionScore, inception_score};
pub use metrics::kernel::{KernelDistance, KernelOptions, kernel_distance};
pub use metrics::precision_recall::{Manifold, PrecisionRecall, precision_recall};
