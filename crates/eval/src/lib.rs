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

mod error;
mod feature_network;
mod features;
mod frechet;
mod inception;
mod kernel;
mod likelihood;
mod npz;
mod pictures;
mod pixels;
mod precision_recall;
mod published;
mod resize;
mod score;
mod weights;

pub use error::EvalError;
pub use feature_network::FeatureNetwork;
pub use features::{Features, OnDone};
pub use frechet::{Statistics, frechet_distance};
pub use inception::{Answers, Inception};
pub use kernel::{KernelDistance, KernelOptions, kernel_distance};
pub use likelihood::{BoundParts, Decoder, ProbabilityFlow, Walk, bits_per_dim};
pub use npz::{listed_arrays, npz_arrays};
pub use pictures::{Batch, ImageSizes, Pictures};
pub use pixels::pixel_features;
pub use precision_recall::{Manifold, PrecisionRecall, precision_recall};
pub use published::INCEPTION;
pub use resize::resize_bilinear;
pub use score::{InceptionScore, inception_score};
