//! How many images each metric needs. It is known before anything is sampled.

use crate::error::{ComparedSide, EvalError};
use crate::features::FeatureKind;

/// k of precision and recall, as in the paper.
pub(super) const NEIGHBOURS: usize = 3;
/// Parts of an Inception score, as in the paper.
pub(super) const PARTS: usize = 10;
/// Images per side that any distance needs.
const DISTANCE_IMAGES: usize = 2;

/// Whether `count` images per side are enough for precision and recall.
pub(super) fn is_enough_for_neighbours(count: usize) -> bool {
    count > NEIGHBOURS
}

/// Whether `generated` images are enough for an Inception score.
pub(super) fn is_enough_for_score(generated: usize) -> bool {
    generated >= PARTS
}

/// A metric that cannot be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingScore {
    /// Kernel distance, precision and recall need real images, and only their statistics are known.
    NeedsRealImages,
    /// Precision and recall need more images.
    PrecisionRecall {
        /// The least number of images per side.
        needed: usize,
        /// The smaller side.
        side: ComparedSide,
        /// Its images.
        found: usize,
    },
    /// The Inception score needs more generated images.
    InceptionScore {
        /// The least number.
        needed: usize,
        /// The generated images.
        found: usize,
    },
}

/// The metrics that cannot be computed for `generated` images against `real` ones. `real` is `None` if only
/// statistics of the real images are known.
///
/// # Errors
/// [`EvalError::TooFewImages`] if not even a distance can be computed.
pub fn missing_scores(
    kind: FeatureKind,
    generated: usize,
    real: Option<usize>,
) -> Result<Vec<MissingScore>, EvalError> {
    let found = generated.min(real.unwrap_or(usize::MAX));
    let side = if found < generated { ComparedSide::Real } else { ComparedSide::Generated };
    if found < DISTANCE_IMAGES {
        return Err(EvalError::TooFewImages { needed: DISTANCE_IMAGES, side, found });
    }
    let mut missing = Vec::new();
    if real.is_none() {
        missing.push(MissingScore::NeedsRealImages);
    } else if !is_enough_for_neighbours(found) {
        missing.push(MissingScore::PrecisionRecall { needed: NEIGHBOURS + 1, side, found });
    }
    if kind == FeatureKind::Inception && !is_enough_for_score(generated) {
        missing.push(MissingScore::InceptionScore { needed: PARTS, found: generated });
    }
    Ok(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_scores_name_the_side_that_lacks_images() {
        let missing = |kind, generated, real| missing_scores(kind, generated, real).unwrap();
        let pixels = FeatureKind::Pixels;
        assert_eq!(missing(pixels, 2000, Some(4)), []);
        let real = MissingScore::PrecisionRecall { needed: 4, side: ComparedSide::Real, found: 3 };
        assert_eq!(missing(pixels, 2000, Some(3)), [real]);
        let generated =
            MissingScore::PrecisionRecall { needed: 4, side: ComparedSide::Generated, found: 3 };
        assert_eq!(missing(pixels, 3, Some(5)), [generated]);
        let inception = FeatureKind::Inception;
        assert_eq!(missing(inception, 10, Some(10)), []);
        let score = MissingScore::InceptionScore { needed: 10, found: 9 };
        assert_eq!(missing(inception, 9, Some(10)), [score]);
        assert_eq!(missing(inception, 10, None), [MissingScore::NeedsRealImages]);
        for (generated, real) in [(1, Some(9)), (9, Some(1)), (1, None)] {
            let error = missing_scores(pixels, generated, real).unwrap_err();
            assert!(
                matches!(error, EvalError::TooFewImages { needed: 2, found: 1, .. }),
                "{error}"
            );
        }
    }
}
