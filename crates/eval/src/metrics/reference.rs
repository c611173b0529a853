//! The real images that generated ones are compared with, and all scores against them.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::rc::Rc;

use crate::error::EvalError;
use crate::features::{ExtractedFeatures, FeatureKind, Features};
use crate::metrics::counts::{NEIGHBOURS, PARTS, is_enough_for_neighbours, is_enough_for_score};
use crate::metrics::frechet::{FeatureStatistics, frechet_distance};
use crate::metrics::inception_score::{InceptionScore, inception_score};
use crate::metrics::kernel::{KernelOptions, kernel_distance};
use crate::metrics::precision_recall::{Manifold, PrecisionRecall};
use crate::metrics::score::{MetricName, MetricNames, Score};
use crate::progress::OnProgress;

/// Seed of the order in which images are split for an Inception score.
const ORDER_SEED: u64 = 0;
/// Principal axes of the real pixels for the second Frechet distance of pixels.
const COMPONENTS: usize = 64;

const PRINCIPAL_FRECHET: MetricName =
    MetricName::new("principal_frechet", "Frechet distance of 64 principal components");
const INCEPTION_SCORE: MetricName = MetricName::new("inception_score", "Inception score");

/// A progress callback: called with the finished pairs of samples and their total. A break stops the work with
/// [`EvalError::Stopped`].
pub type OnPairs<'a> = dyn FnMut(u64, u64) -> ControlFlow<()> + 'a;

/// What is known of the real images: their features, or published statistics alone.
///
/// ```
/// use std::ops::ControlFlow;
/// use halfstep_eval::{FeatureKind, Features, Reference};
///
/// let real = Features::new(vec![0.0, 1.0, 2.0, 3.0, 4.0], 1)?;
/// let generated = Features::new(vec![1.0, 2.0, 3.0, 4.0, 5.0], 1)?;
/// let reference = Reference::from_features(FeatureKind::UserNetwork, real)?;
/// let scores = reference.scores(&generated.into(), &mut |_, _| ControlFlow::Continue(()))?;
/// assert_eq!(scores[0].metric.key, "feature_frechet");
/// assert!((scores[0].value - 1.0).abs() < 1e-9);
/// # Ok::<(), halfstep_eval::EvalError>(())
/// ```
pub struct Reference {
    kind: FeatureKind,
    features: Option<Features>,
    statistics: FeatureStatistics,
    /// The manifold of this many of the real images, from the last call that needed one.
    manifold: RefCell<Option<(usize, Rc<Manifold>)>>,
}

impl Reference {
    /// Real images whose features are known.
    ///
    /// # Errors
    /// [`EvalError::TooFew`] for fewer than two images.
    pub fn from_features(kind: FeatureKind, features: Features) -> Result<Self, EvalError> {
        let statistics = FeatureStatistics::from_features(&features)?;
        Ok(Self { kind, features: Some(features), statistics, manifold: RefCell::new(None) })
    }

    /// Real images of which only statistics are known. They allow the Frechet distance and the Inception score.
    pub fn from_statistics(kind: FeatureKind, statistics: FeatureStatistics) -> Self {
        Self { kind, features: None, statistics, manifold: RefCell::new(None) }
    }

    /// All scores of generated images that can be computed ([`missing_scores`](crate::missing_scores) lists the
    /// others). The Frechet distance comes first.
    ///
    /// The Frechet distance uses all images of both sides. Precision and recall depend on the number of images, so
    /// they use equally many of each side, evenly spaced. The kernel distance uses 100 random subsets of 1000
    /// images, or of as many as the smaller side has. The Inception score uses ten parts of the generated images
    /// in a shuffled order.
    ///
    /// `on_pairs` reports the pairs of samples that the kernel distance, precision and recall compare.
    ///
    /// # Errors
    /// Those of the metrics; [`EvalError::Stopped`].
    pub fn scores(
        &self,
        generated: &ExtractedFeatures,
        on_pairs: &mut OnPairs<'_>,
    ) -> Result<Vec<Score>, EvalError> {
        let mut scores = self.frechet_scores(&generated.features)?;
        if let Some(real) = &self.features {
            scores.extend(self.pairwise_scores(&generated.features, real, on_pairs)?);
        }
        let logits = generated.logits.as_ref();
        if let Some(logits) = logits.filter(|logits| is_enough_for_score(logits.len())) {
            let InceptionScore { mean, deviation } =
                inception_score(&logits.shuffled(ORDER_SEED), PARTS)?;
            scores.push(Score { deviation: Some(deviation), ..Score::new(INCEPTION_SCORE, mean) });
        }
        Ok(scores)
    }

    /// The Frechet distance; for pixels also along the principal axes of the real images.
    fn frechet_scores(&self, generated: &Features) -> Result<Vec<Score>, EvalError> {
        let (ours, theirs) = (FeatureStatistics::from_features(generated)?, &self.statistics);
        let distance = frechet_distance(&ours, theirs)?;
        let mut scores = vec![Score::new(MetricNames::new(self.kind).frechet, distance)];
        if self.kind == FeatureKind::Pixels {
            let axes = theirs.principal_axes(COMPONENTS)?;
            let distance = frechet_distance(&ours.along(&axes), &theirs.along(&axes))?;
            scores.push(Score::new(PRINCIPAL_FRECHET, distance));
        }
        Ok(scores)
    }

    /// The metrics that compare pairs of samples: kernel distance, precision and recall.
    fn pairwise_scores(
        &self,
        generated: &Features,
        real: &Features,
        on_pairs: &mut OnPairs<'_>,
    ) -> Result<Vec<Score>, EvalError> {
        let names = MetricNames::new(self.kind);
        let options = kernel_options(generated, real);
        let count = generated.len().min(real.len());
        let subset_pairs = 3 * (options.subset_size as u64).pow(2);
        let kernel_pairs = options.subsets as u64 * subset_pairs;
        let has_neighbours = is_enough_for_neighbours(count);
        let rows = if has_neighbours { self.distance_rows(count) } else { 0 };
        let total = kernel_pairs + (rows * count) as u64;
        let on_subset: &mut OnProgress<'_> =
            &mut |done| on_pairs(done as u64 * subset_pairs, total);
        let (value, deviation) = kernel_score(generated, real, options, on_subset)?;
        let mut scores = vec![Score { deviation, ..Score::new(names.kernel, value) }];
        if has_neighbours {
            let on_rows: &mut OnProgress<'_> =
                &mut |done| on_pairs(kernel_pairs + (done * count) as u64, total);
            let near = self.precision_recall(generated, real, on_rows)?;
            scores.push(Score::new(names.precision, near.precision));
            scores.push(Score::new(names.recall, near.recall));
        }
        Ok(scores)
    }

    /// Precision and recall with equally many images of each side.
    fn precision_recall(
        &self,
        generated: &Features,
        real: &Features,
        on_rows: &mut OnProgress<'_>,
    ) -> Result<PrecisionRecall, EvalError> {
        let count = generated.len().min(real.len());
        let before = Cell::new(0);
        let on_rows: &mut OnProgress<'_> = &mut |done| on_rows(before.get() + done);
        let theirs = match self.known_manifold(count) {
            Some(known) => known,
            None => {
                let real = real.evenly_spaced(count);
                let manifold = Rc::new(Manifold::new(real, NEIGHBOURS, on_rows)?);
                *self.manifold.borrow_mut() = Some((count, manifold.clone()));
                before.set(count);
                manifold
            }
        };
        let ours = Manifold::new(generated.evenly_spaced(count), NEIGHBOURS, on_rows)?;
        before.set(before.get() + count);
        ours.compare(&theirs, on_rows)
    }

    /// Rows of distances that precision and recall of `count` images per side compute.
    fn distance_rows(&self, count: usize) -> usize {
        count * if self.known_manifold(count).is_some() { 2 } else { 3 }
    }

    fn known_manifold(&self, count: usize) -> Option<Rc<Manifold>> {
        let known = self.manifold.borrow();
        known.as_ref().filter(|(of, _)| *of == count).map(|(_, manifold)| manifold.clone())
    }
}

/// Subsets of 1000 images, or of all images of the smaller side; one subset if it is all of both sides.
fn kernel_options(generated: &Features, real: &Features) -> KernelOptions {
    let defaults = KernelOptions::default();
    let (fewer, more) = (generated.len().min(real.len()), generated.len().max(real.len()));
    let subset_size = defaults.subset_size.min(fewer);
    let subsets = if more == subset_size { 1 } else { defaults.subsets };
    KernelOptions { subsets, subset_size, ..defaults }
}

/// Mean and deviation of the kernel distance. There is no deviation if a subset is all of one side: it would
/// describe the other side alone.
fn kernel_score(
    generated: &Features,
    real: &Features,
    options: KernelOptions,
    on_subset: &mut OnProgress<'_>,
) -> Result<(f64, Option<f64>), EvalError> {
    let distance = kernel_distance(generated, real, options, on_subset)?;
    let fewer = generated.len().min(real.len());
    Ok((distance.mean, (options.subset_size < fewer).then_some(distance.deviation)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use halfstep_core::rng::{Purpose, Stream};

    fn features(count: usize, stream: u64) -> Features {
        let mut draws = Stream::new(0, Purpose::Evaluation, stream);
        Features::new(draws.normals(2 * count), 2).unwrap()
    }

    /// The reported pairs rise to their total, and a break at any point stops the work.
    #[test]
    fn scores_report_their_progress_and_can_be_stopped_anywhere() {
        let (generated, real) = (ExtractedFeatures::from(features(30, 0)), features(31, 1));
        let score = |stop_at: usize, reported: &mut Vec<u64>| {
            let reference =
                Reference::from_features(FeatureKind::UserNetwork, real.clone()).unwrap();
            let on_pairs: &mut OnPairs<'_> = &mut |done, total| {
                assert_eq!(total, 100 * 3 * 30 * 30 + 3 * 30 * 30);
                reported.push(done);
                if reported.len() == stop_at {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            };
            reference.scores(&generated, on_pairs)
        };
        let mut reported = Vec::new();
        score(usize::MAX, &mut reported).unwrap();
        assert!(reported.is_sorted_by(|a, b| a < b), "{reported:?}");
        assert_eq!(reported.last(), Some(&272_700));
        for stop_at in [1, 100, 101, reported.len()] {
            let stopped = score(stop_at, &mut Vec::new());
            assert!(matches!(stopped, Err(EvalError::Stopped)), "{stop_at}");
        }
    }

    /// Three images are too few for precision and recall; the distances are computed all the same.
    #[test]
    fn three_images_have_distances_and_no_precision() {
        let reference = Reference::from_features(FeatureKind::Pixels, features(3, 1)).unwrap();
        let go_on: &mut OnPairs<'_> = &mut |_, _| ControlFlow::Continue(());
        let scores = reference.scores(&features(30, 0).into(), go_on).unwrap();
        let keys: Vec<&str> = scores.iter().map(|score| score.metric.key).collect();
        assert_eq!(keys, ["pixel_frechet", "principal_frechet", "pixel_kernel"]);
    }

    #[test]
    fn a_kernel_distance_has_a_deviation_if_both_sides_have_more_than_a_subset() {
        let deviation = |ours: &Features, theirs: &Features| {
            let go_on: &mut OnProgress<'_> = &mut |_| ControlFlow::Continue(());
            kernel_score(ours, theirs, kernel_options(ours, theirs), go_on).unwrap().1
        };
        let (few, many) = (features(400, 0), features(1200, 1));
        assert!(deviation(&few, &features(400, 2)).is_none());
        assert!(deviation(&few, &many).is_none());
        assert!(deviation(&many, &features(1200, 3)).unwrap() > 0.0);
    }
}
