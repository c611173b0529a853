//! One interface to everything that turns images into features.

use std::path::Path;

use burn::tensor::Device;
use halfstep_data::hash::sha256;
use serde_json::json;

use crate::error::EvalError;
use crate::features::inception::Inception;
use crate::features::matrix::Features;
use crate::features::pixels::pixel_features;
use crate::features::published::INCEPTION;
use crate::features::user_network::FeatureNetwork;
use crate::images::{ImageBatch, ImageSet};
use crate::progress::OnProgress;

/// What features are made of. It decides what a distance between them is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureKind {
    /// FID's Inception network. Only distances between these features are called FID and KID.
    Inception,
    /// Another network, which the user brings.
    UserNetwork,
    /// The pixels of small images.
    Pixels,
}

/// Turns images into features.
pub enum FeatureExtractor {
    /// The pixels themselves, in `[0, 1]`.
    Pixels {
        /// 1 or 3. With 1 all images must be grey, and each pixel counts once.
        channels: usize,
    },
    /// A network of the user's.
    UserNetwork {
        /// The network.
        network: Box<FeatureNetwork>,
        /// SHA-256 of its two files.
        sha256: String,
    },
    /// FID's Inception network.
    Inception {
        /// The network.
        network: Box<Inception>,
        /// SHA-256 of its weights file.
        sha256: String,
    },
}

/// The features of an image set.
#[derive(Clone, Debug, PartialEq)]
pub struct ExtractedFeatures {
    /// One row per image.
    pub features: Features,
    /// Class logits, one row per image; only Inception has them, for the Inception score.
    pub logits: Option<Features>,
}

impl ExtractedFeatures {
    /// Appends the features of more images.
    ///
    /// # Errors
    /// [`EvalError::Dimensions`] if another network computed them.
    pub fn append(&mut self, more: Self) -> Result<(), EvalError> {
        self.features.append(more.features)?;
        match (&mut self.logits, more.logits) {
            (Some(logits), Some(more)) => logits.append(more),
            _ => Ok(()),
        }
    }
}

/// Features without logits: enough for every metric but the Inception score.
impl From<Features> for ExtractedFeatures {
    fn from(features: Features) -> Self {
        Self { features, logits: None }
    }
}

impl FeatureExtractor {
    /// FID's Inception network, read from a weights file ([`Inception::load`]).
    ///
    /// # Errors
    /// [`EvalError::Weights`].
    pub fn inception(weights: &Path, device: &Device) -> Result<Self, EvalError> {
        let network = Box::new(Inception::load(weights, device)?);
        Ok(Self::Inception { network, sha256: file_sha256(weights)? })
    }

    /// A network of the user's, read from its list of layers ([`FeatureNetwork::load`]).
    ///
    /// # Errors
    /// [`EvalError::Weights`].
    pub fn user_network(layers: &Path, device: &Device) -> Result<Self, EvalError> {
        let network = Box::new(FeatureNetwork::load(layers, device)?);
        let sha256 = format!("{} {}", file_sha256(layers)?, file_sha256(network.weights())?);
        Ok(Self::UserNetwork { network, sha256 })
    }

    /// What its features are made of.
    pub fn kind(&self) -> FeatureKind {
        match self {
            Self::Pixels { .. } => FeatureKind::Pixels,
            Self::UserNetwork { .. } => FeatureKind::UserNetwork,
            Self::Inception { .. } => FeatureKind::Inception,
        }
    }

    /// Features per image, D. `None` for pixels, where D depends on the image size.
    pub fn dim(&self) -> Option<usize> {
        match self {
            Self::Pixels { .. } => None,
            Self::UserNetwork { network, .. } => Some(network.dim()),
            Self::Inception { .. } => Some(Inception::DIM),
        }
    }

    /// The name that the user's network has in its file; `None` for pixels and Inception.
    pub fn network_name(&self) -> Option<&str> {
        match self {
            Self::UserNetwork { network, .. } => Some(network.name()),
            Self::Pixels { .. } | Self::Inception { .. } => None,
        }
    }

    /// What a user should know about the weights file: a phrase that follows the file's name.
    pub fn note(&self) -> Option<&str> {
        match self {
            Self::UserNetwork { network, .. } => network.note(),
            Self::Inception { network, .. } => network.note(),
            Self::Pixels { .. } => None,
        }
    }

    /// Whether the weights are the published file of FID's network, byte for byte ([`INCEPTION`]).
    pub fn is_published_inception(&self) -> bool {
        matches!(self, Self::Inception { sha256, .. } if sha256 == INCEPTION.files[0].sha256)
    }

    /// The features of all images of a set, computed in batches of at most `batch_size` images.
    ///
    /// `on_images` is called with the number of finished images after each batch.
    ///
    /// # Errors
    /// [`EvalError::Data`] naming a picture that cannot be read; [`EvalError::Pixels`] for images that the
    /// extractor does not take; [`EvalError::NotFinite`]; [`EvalError::Device`]; [`EvalError::Stopped`].
    pub fn extract(
        &self,
        images: &ImageSet,
        batch_size: usize,
        on_images: &mut OnProgress<'_>,
    ) -> Result<ExtractedFeatures, EvalError> {
        match self {
            Self::Pixels { channels } => Ok(pixel_features(images, *channels)?.into()),
            Self::UserNetwork { network, .. } => {
                in_batches(images, batch_size, on_images, |batch| {
                    Ok(network.features(batch)?.into())
                })
            }
            Self::Inception { network, .. } => in_batches(images, batch_size, on_images, |batch| {
                let output = network.forward(batch)?;
                Ok(ExtractedFeatures { features: output.features, logits: Some(output.logits) })
            }),
        }
    }

    /// Everything that the features of `images` depend on; devices round differently.
    pub(crate) fn cache_key(&self, images: &str, device: &str) -> String {
        let (network, sha256) = match self {
            Self::Pixels { .. } => ("pixels", ""),
            Self::UserNetwork { sha256, .. } => ("own", sha256.as_str()),
            Self::Inception { sha256, .. } => ("inception", sha256.as_str()),
        };
        json!({
            "features": network, "made_by": halfstep_sample::RESULTS_VERSION, "sha256": sha256, "of": images,
            "device": device,
        })
        .to_string()
    }
}

fn in_batches(
    images: &ImageSet,
    batch_size: usize,
    on_images: &mut OnProgress<'_>,
    extract: impl Fn(&ImageBatch) -> Result<ExtractedFeatures, EvalError>,
) -> Result<ExtractedFeatures, EvalError> {
    let (mut all, mut done): (Option<ExtractedFeatures>, usize) = (None, 0);
    while let Some(batch) = images.batch(done, batch_size)? {
        done += batch.len();
        let more = extract(&batch)?;
        match &mut all {
            Some(all) => all.append(more)?,
            None => all = Some(more),
        }
        if on_images(done).is_break() {
            return Err(EvalError::Stopped);
        }
    }
    all.ok_or_else(|| EvalError::images(Path::new(images.name()), "there are no images"))
}

fn file_sha256(path: &Path) -> Result<String, EvalError> {
    let bytes = std::fs::read(path).map_err(|error| EvalError::Weights {
        path: path.to_path_buf(),
        problem: error.to_string(),
    })?;
    Ok(sha256(&bytes))
}
