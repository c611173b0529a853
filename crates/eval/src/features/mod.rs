//! Features: what a network computes of each image, as a row of numbers.
//!
//! [`FeatureExtractor`] covers the three kinds: FID's [`Inception`] network, a [`FeatureNetwork`] of the
//! user's, and the pixels themselves ([`pixel_features`]).

mod extractor;
mod inception;
mod matrix;
mod pixels;
mod published;
mod resize;
mod user_network;
mod weights;

pub use extractor::{ExtractedFeatures, FeatureExtractor, FeatureKind};
pub use inception::{Inception, InceptionOutput};
pub use matrix::Features;
pub use pixels::pixel_features;
pub use published::INCEPTION;
pub use resize::resize_bilinear;
pub use user_network::FeatureNetwork;
