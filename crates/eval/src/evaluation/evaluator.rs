//! Features and scores of whole image sets, with cache and progress.

use std::path::Path;

use crate::error::EvalError;
use crate::evaluation::cache::{ChunkArray, ChunkArrays, ChunkValues, chunks};
use crate::evaluation::context::EvalContext;
use crate::evaluation::images::{EvaluatedImages, ReferenceData};
use crate::features::{ExtractedFeatures, FeatureExtractor, FeatureKind, Features};
use crate::images::ImageSet;
use crate::metrics::{Reference, Score};
use crate::progress::WorkUnit;

/// Scores image sets and models against one reference.
///
/// ```no_run
/// use std::path::Path;
/// use halfstep_eval::{
///     EvalContext, EvaluatedImages, Evaluator, FeatureExtractor, ImageSet, ReferenceData,
/// };
/// use halfstep_model::DeviceChoice;
///
/// let context = EvalContext::new(DeviceChoice::default().select()?);
/// let weights = Path::new("pt_inception-2015-12-05-6726825d.pth");
/// let inception = FeatureExtractor::inception(weights, &context.device.device)?;
/// let real = ReferenceData::Images(ImageSet::from_folder(Path::new("real"))?);
/// let evaluator = Evaluator::new(inception, real, &context)?;
/// let generated = EvaluatedImages::stored(ImageSet::from_folder(Path::new("generated"))?)?;
/// for score in evaluator.scores(&generated)? {
///     println!("{}: {:.3}", score.metric.title, score.value); // FID first
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Evaluator<'a> {
    extractor: FeatureExtractor,
    reference: Reference,
    context: &'a EvalContext<'a>,
}

impl<'a> Evaluator<'a> {
    /// Extracts the features of the real images, or takes their statistics.
    ///
    /// # Errors
    /// [`EvalError::StatisticsOfPixels`] and [`EvalError::StatisticsDimension`] for statistics that the extractor
    /// does not compute; those of [`features`](Self::features).
    pub fn new(
        extractor: FeatureExtractor,
        real: ReferenceData,
        context: &'a EvalContext<'a>,
    ) -> Result<Self, EvalError> {
        let kind = extractor.kind();
        let reference = match real {
            ReferenceData::Images(images) => {
                let images = EvaluatedImages::stored(images)?;
                let extracted = extract(&extractor, &images, context)?;
                Reference::from_features(kind, extracted.features)?
            }
            ReferenceData::Statistics(statistics) => {
                let found = statistics.mean.len();
                match extractor.dim() {
                    None => return Err(EvalError::StatisticsOfPixels),
                    Some(needed) if needed != found => {
                        return Err(EvalError::StatisticsDimension { found, needed });
                    }
                    Some(_) => Reference::from_statistics(kind, statistics),
                }
            }
        };
        Ok(Self { extractor, reference, context })
    }

    /// What the features are made of.
    pub fn kind(&self) -> FeatureKind {
        self.extractor.kind()
    }

    /// What turns images into features.
    pub fn extractor(&self) -> &FeatureExtractor {
        &self.extractor
    }

    /// The settings.
    pub fn context(&self) -> &'a EvalContext<'a> {
        self.context
    }

    /// The features of all images, from the cache or computed now.
    ///
    /// # Errors
    /// Those of sampling and of [`FeatureExtractor::extract`]; [`EvalError::Cache`]; [`EvalError::Stopped`].
    pub fn features(&self, images: &EvaluatedImages<'_>) -> Result<ExtractedFeatures, EvalError> {
        extract(&self.extractor, images, self.context)
    }

    /// All scores of the images that can be computed, the Frechet distance first ([`Reference::scores`]).
    ///
    /// # Errors
    /// Those of [`features`](Self::features) and of the metrics.
    pub fn scores(&self, images: &EvaluatedImages<'_>) -> Result<Vec<Score>, EvalError> {
        let features = self.features(images)?;
        let mut work = None;
        let mut on_pairs = |done, total| {
            let begun = || {
                let work = self.context.begin(WorkUnit::Pairs);
                work.report(0, total);
                work
            };
            work.get_or_insert_with(begun).report(done, total);
            self.context.flow()
        };
        self.reference.scores(&features, &mut on_pairs)
    }
}

fn extract(
    extractor: &FeatureExtractor,
    images: &EvaluatedImages<'_>,
    context: &EvalContext<'_>,
) -> Result<ExtractedFeatures, EvalError> {
    let (work, total) = (context.begin(WorkUnit::Images), images.len() as u64);
    let key = extractor.cache_key(&images.cache_key(context), &context.device.kind());
    let names: &[&'static str] = match extractor.kind() {
        FeatureKind::Inception => &["features", "logits"],
        FeatureKind::UserNetwork | FeatureKind::Pixels => &["features"],
    };
    let mut all: Option<ExtractedFeatures> = None;
    for which in chunks(images.len()) {
        context.check()?;
        let first = which.start as u64;
        let report = |done: u64| work.report(first + done, total);
        let make = || {
            report(0); // what is in the cache took no time
            let chunk = images.chunk(which.clone(), context, &mut |done| report(done))?;
            // For samples, sampling takes most of the time, and has reported its progress.
            let is_stored = matches!(images, EvaluatedImages::Stored { .. });
            extract_chunk(extractor, &chunk, context, |done| {
                if is_stored {
                    report(done);
                }
            })
        };
        let arrays = match extractor.kind() {
            FeatureKind::Pixels => make()?, // computing them is as fast as reading them
            FeatureKind::Inception | FeatureKind::UserNetwork => {
                context.chunk(&key, &which, names, make)?
            }
        };
        let more = from_arrays(arrays)?;
        match &mut all {
            Some(all) => all.append(more)?,
            None => all = Some(more),
        }
    }
    all.ok_or_else(|| no_features(&images.name()))
}

fn extract_chunk(
    extractor: &FeatureExtractor,
    images: &ImageSet,
    context: &EvalContext<'_>,
    on_images: impl Fn(u64),
) -> Result<ChunkArrays, EvalError> {
    let extracted = extractor.extract(images, context.batch_size, &mut |done| {
        on_images(done as u64);
        context.flow()
    })?;
    let logits = extracted.logits.map(|logits| ("logits", to_array(logits)));
    Ok([("features", to_array(extracted.features))].into_iter().chain(logits).collect())
}

fn to_array(features: Features) -> ChunkArray {
    let shape = vec![features.len(), features.dim()];
    ChunkArray { shape, values: ChunkValues::Numbers(features.into_values()) }
}

fn from_arrays(arrays: ChunkArrays) -> Result<ExtractedFeatures, EvalError> {
    let mut named = arrays.into_iter().map(|(name, array)| match array.values {
        ChunkValues::Numbers(values) => Features::new(values, array.shape[1..].iter().product()),
        ChunkValues::Bytes(_) => Err(no_features(name)),
    });
    let features = named.next().unwrap_or_else(|| Err(no_features("the cache")))?;
    Ok(ExtractedFeatures { features, logits: named.next().transpose()? })
}

fn no_features(name: &str) -> EvalError {
    EvalError::images(Path::new(name), "there are no features")
}
