//! How many images each measure takes: known before anything is drawn.

use anyhow::bail;
use halfstep_run::SweepMeasure;

use crate::metrics::score::names;

/// Neighbours of precision and recall, and parts of an Inception score, as in their papers.
pub const NEIGHBOURS: usize = 3;
pub const PARTS: usize = 10;
/// Images of each side that any distance takes.
const OF_A_DISTANCE: usize = 2;

/// Whether so many images of each side are enough for precision and recall.
pub fn is_enough_for_neighbours(count: usize) -> bool {
    count > NEIGHBOURS
}

/// Whether so many generated images are enough for an Inception score.
pub fn is_enough_for_score(generated: usize) -> bool {
    generated >= PARTS
}

/// What will be missing among the measures of `generated` images against `real` ones, and why, a sentence
/// each. `real` is `None` if only statistics are given.
///
/// # Errors
/// If there is no distance at all.
pub fn missing(
    measure: SweepMeasure,
    generated: usize,
    real: Option<usize>,
) -> anyhow::Result<Vec<String>> {
    let fewest = generated.min(real.unwrap_or(usize::MAX));
    let side = if fewest < generated { "--reference" } else { "the generated side" };
    let have = if fewest == 1 { "1 image".to_owned() } else { format!("{fewest} images") };
    if fewest < OF_A_DISTANCE {
        bail!("a distance takes at least {OF_A_DISTANCE} images of each side; {side} has {have}");
    }
    let [_, (_, kernel), (_, precision), (_, recall)] = names(measure);
    let mut missing = Vec::new();
    if real.is_none() {
        missing.push(format!(
            "no {kernel}, {precision} and {recall}: they take images, and --reference has statistics"
        ));
    } else if !is_enough_for_neighbours(fewest) {
        missing.push(format!(
            "no {precision} and {recall}: they take at least {} images of each side; {side} has {have}",
            NEIGHBOURS + 1
        ));
    }
    if measure == SweepMeasure::Fid && !is_enough_for_score(generated) {
        missing.push(format!(
            "no Inception score: it takes at least {PARTS} generated images; there are {generated}"
        ));
    }
    Ok(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_is_said_with_the_side_that_lacks_images() {
        let of = |measure, generated, real| missing(measure, generated, real).unwrap().join("\n");
        let pixels = SweepMeasure::PixelFrechet;
        assert_eq!(of(pixels, 2000, Some(4)), "");
        assert_eq!(
            of(pixels, 2000, Some(3)),
            "no precision by pixels and recall by pixels: they take at least 4 images of each side; \
             --reference has 3 images"
        );
        assert!(of(pixels, 3, Some(5)).ends_with("the generated side has 3 images"));
        assert_eq!(of(SweepMeasure::Fid, 10, Some(10)), "");
        assert!(of(SweepMeasure::Fid, 9, Some(10)).contains("no Inception score"));
        assert_eq!(
            of(SweepMeasure::Fid, 10, None),
            "no KID, precision and recall: they take images, and --reference has statistics"
        );
        for (generated, real) in [(1, Some(9)), (9, Some(1)), (1, None)] {
            let message = missing(pixels, generated, real).unwrap_err().to_string();
            assert!(
                message.contains("at least 2 images") && message.ends_with("1 image"),
                "{message}"
            );
        }
    }
}
