//! The two sides of a comparison.

use std::ops::Range;
use std::path::Path;

use serde_json::json;

use crate::error::EvalError;
use crate::evaluation::cache::{ChunkArray, ChunkValues};
use crate::evaluation::context::EvalContext;
use crate::evaluation::sampling::{SampledModel, SamplingSetup};
use crate::images::{ImageSet, ImageSizes, listed_arrays, npz_arrays};
use crate::metrics::FeatureStatistics;

/// Images to be evaluated: stored ones, or samples of a model, which are drawn when they are needed.
pub enum EvaluatedImages<'a> {
    /// Images that exist.
    Stored {
        /// The images.
        images: ImageSet,
        /// SHA-256 of their content.
        sha256: String,
    },
    /// Images that a model is yet to sample. Image k depends on the seed and k alone.
    Sampled {
        /// The model.
        model: &'a SampledModel,
        /// How to sample it.
        setup: SamplingSetup,
        /// Number of images.
        count: usize,
    },
}

/// Real images, or published statistics of their features.
pub enum ReferenceData {
    /// The images.
    Images(ImageSet),
    /// Mean and covariance of a network's features.
    Statistics(FeatureStatistics),
}

impl ReferenceData {
    /// Reads an npz file with images (`arr_0`) or statistics (`mu` and `sigma`). Of a file with both, such as
    /// ADM's, it takes the images: the statistics belong to another network.
    ///
    /// # Errors
    /// [`EvalError::Images`] naming the file and the arrays that it has.
    pub fn from_npz(path: &Path) -> Result<Self, EvalError> {
        let arrays = npz_arrays(path)?;
        let has = |name: &str| arrays.iter().any(|array| array == name);
        if has("arr_0") {
            return Ok(Self::Images(ImageSet::from_npz(path)?));
        }
        if !(has("mu") && has("sigma")) {
            let problem = format!(
                "has neither images (`arr_0`) nor statistics (`mu` and `sigma`); {}",
                listed_arrays(&arrays)
            );
            return Err(EvalError::images(path, problem));
        }
        Ok(Self::Statistics(FeatureStatistics::from_npz(path)?))
    }

    /// Number of images; `None` for statistics.
    pub fn image_count(&self) -> Option<usize> {
        match self {
            Self::Images(images) => Some(images.len()),
            Self::Statistics(_) => None,
        }
    }
}

impl<'a> EvaluatedImages<'a> {
    /// Images that exist.
    ///
    /// # Errors
    /// [`EvalError::Images`] naming a file that cannot be read.
    pub fn stored(images: ImageSet) -> Result<Self, EvalError> {
        let sha256 = images.sha256()?;
        Ok(Self::Stored { images, sha256 })
    }

    /// `count` samples of a model.
    pub fn sampled(model: &'a SampledModel, setup: SamplingSetup, count: usize) -> Self {
        Self::Sampled { model, setup, count }
    }

    /// Where the images come from: a path or dataset, or model folder, sampler and steps.
    pub fn name(&self) -> String {
        match self {
            Self::Stored { images, .. } => images.name().to_owned(),
            Self::Sampled { model, setup, .. } => format!("{}, {}", model.name(), setup.name()),
        }
    }

    /// 1 if all images are grey, otherwise 3.
    ///
    /// # Errors
    /// [`EvalError::Data`] naming a file that cannot be read.
    pub fn channels(&self) -> Result<usize, EvalError> {
        match self {
            Self::Stored { images, .. } => images.channels(),
            Self::Sampled { model, .. } => Ok(model.shape()[0]),
        }
    }

    /// The heights and widths that occur.
    ///
    /// # Errors
    /// [`EvalError::Data`] naming a file that cannot be read.
    pub fn sizes(&self) -> Result<ImageSizes, EvalError> {
        match self {
            Self::Stored { images, .. } => images.sizes(),
            Self::Sampled { model, .. } => {
                let [_, height, width] = model.shape();
                Ok(ImageSizes::single([height, width]))
            }
        }
    }

    /// Whether the images are the files of a folder.
    pub fn is_folder(&self) -> bool {
        matches!(self, Self::Stored { images, .. } if images.is_folder())
    }

    /// Number of images.
    #[expect(clippy::len_without_is_empty, reason = "an image set is never empty")]
    pub fn len(&self) -> usize {
        match self {
            Self::Stored { images, .. } => images.len(),
            Self::Sampled { count, .. } => *count,
        }
    }

    /// Channels in which both sides can be compared pixel by pixel: 1 if all images of both are grey, otherwise 3.
    /// The images must all have one size.
    ///
    /// # Errors
    /// [`EvalError::SizesDiffer`]; [`EvalError::Data`] naming a file that cannot be read.
    pub fn common_channels(&self, real: &ReferenceData) -> Result<usize, EvalError> {
        let ReferenceData::Images(real) = real else { return self.channels() };
        let (ours, theirs) = (self.sizes()?, real.sizes()?);
        if ours.only().is_some() && ours == theirs {
            return Ok(real.channels()?.max(self.channels()?));
        }
        // A folder is read at the size of the other side, which must be one size.
        let resizable = match real.is_folder() {
            true => ours.only().is_some(),
            false => self.is_folder() && theirs.only().is_some(),
        };
        Err(EvalError::SizesDiffer {
            generated: self.name(),
            generated_sizes: ours.to_string(),
            real: real.name().to_owned(),
            real_sizes: theirs.to_string(),
            resizable,
        })
    }

    /// Everything that the images depend on.
    pub(crate) fn cache_key(&self, context: &EvalContext<'_>) -> String {
        match self {
            Self::Stored { sha256, .. } => json!({ "images": sha256 }).to_string(),
            Self::Sampled { model, setup, .. } => model.cache_key(setup, context),
        }
    }

    /// Images `which`, sampled now if they are not in the cache. `on_images` is called with the number of
    /// sampled images.
    pub(crate) fn chunk(
        &self,
        which: Range<usize>,
        context: &EvalContext<'_>,
        on_images: &mut dyn FnMut(u64),
    ) -> Result<ImageSet, EvalError> {
        match self {
            Self::Stored { images, .. } => Ok(images.slice(which)),
            Self::Sampled { model, setup, .. } => {
                let key = model.cache_key(setup, context);
                let make = || {
                    Ok(vec![("images", model.sample(setup, which.clone(), context, on_images)?)])
                };
                let mut arrays = context.chunk(&key, &which, &["images"], make)?;
                image_set(self.name(), arrays.pop().map(|(_, array)| array))
            }
        }
    }
}

/// Bytes `[n, H, W, C]` as an image set.
fn image_set(name: String, array: Option<ChunkArray>) -> Result<ImageSet, EvalError> {
    match array {
        Some(ChunkArray { shape, values: ChunkValues::Bytes(bytes) }) if shape.len() == 4 => {
            ImageSet::from_bytes(name, bytes, [shape[1], shape[2], shape[3]])
        }
        _ => Err(EvalError::images(Path::new(&name), "its cached samples are not images")),
    }
}
