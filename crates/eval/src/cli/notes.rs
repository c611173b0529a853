//! What a reader of the scores has to know. It is printed before anything is sampled.

use super::advice::{advise, missing_score};
use crate::evaluation::{EvaluatedImages, ReferenceData};
use crate::features::{FeatureExtractor, FeatureKind};
use crate::metrics::missing_scores;

/// With fewer images, the bias of an FID is larger than the differences that are usually compared.
const UNBIASED_IMAGES: usize = 10_000;

/// Prints which scores `generated` and `real` images are too few for, and what the scores can be compared with.
/// An error if there are too few for any distance.
pub(super) fn print_limits(
    extractor: &FeatureExtractor,
    generated: usize,
    real: Option<usize>,
) -> anyhow::Result<()> {
    let kind = extractor.kind();
    for missing in missing_scores(kind, generated, real).map_err(advise)? {
        halfstep_terminal::say!("note: {}", missing_score(kind, missing));
    }
    let fewest = generated.min(real.unwrap_or(usize::MAX));
    match kind {
        FeatureKind::Pixels => halfstep_terminal::say!(
            "note: without --inception there is no FID; pixels are compared, which know nothing of what a \
             picture shows"
        ),
        FeatureKind::UserNetwork => halfstep_terminal::say!(
            "note: these are distances between features of {}, not FID; compare them only with each other",
            extractor.network_name().unwrap_or_default()
        ),
        FeatureKind::Inception if fewest < UNBIASED_IMAGES => halfstep_terminal::say!(
            "note: an FID of {fewest} images is larger than one of many; published ones compare 50000 images with \
             the whole dataset"
        ),
        FeatureKind::Inception => {}
    }
    Ok(())
}

/// Prints a note if images of different sizes are stretched to the network's size.
pub(super) fn print_sizes(
    generated: &EvaluatedImages<'_>,
    real: &ReferenceData,
) -> anyhow::Result<()> {
    let (name, ours) = (generated.name(), generated.sizes()?);
    let line = match real {
        ReferenceData::Statistics(_) if ours.only().is_some() => return Ok(()),
        ReferenceData::Statistics(_) => {
            format!("{name} has images of {ours}: each is stretched to the network's size")
        }
        ReferenceData::Images(real) => {
            let theirs = real.sizes()?;
            if ours.only().is_some() && ours == theirs {
                return Ok(());
            }
            let advice = match real.is_folder() || generated.is_folder() {
                true => {
                    ". Training cuts out the central square of each picture and resizes it; --as-trained \
                     reads a folder in the same way"
                }
                false => "",
            };
            format!(
                "{name} has images of {ours}, {} of {theirs}: each is stretched to the network's size{advice}",
                real.name()
            )
        }
    };
    halfstep_terminal::say!("note: {line}");
    Ok(())
}
