//! The memorisation check: the training images nearest to some of the drawn images.

use halfstep_data::ImageSource;
use halfstep_run::{Memorisation, Stage, layout, median};
use halfstep_sample::{Images, output, picture};

use crate::error::TrainError;
use crate::run::context::RunContext;

/// The number of drawn images whose nearest training images are searched.
const LOOKED_UP: usize = 10;
/// The number of training images from which the typical distance is measured.
const PROBES: usize = 32;

/// Finds the training images nearest to the first few of `images`, which are samples of `stage`'s model. Writes
/// the numbers and a picture.
pub(crate) fn check(run: &RunContext<'_>, stage: Stage, images: &Images) -> Result<(), TrainError> {
    let drawn = images.first(LOOKED_UP);
    let mirrored = run.config.teacher.flip;
    let (mut check, mut found) = (
        Memorisation {
            model: stage.to_string(),
            distances: Vec::new(),
            images: Vec::new(),
            typical: typical_distance(run.images, mirrored),
        },
        Images { values: Vec::new(), shape: drawn.shape },
    );
    for k in 0..drawn.len() {
        // The sampler's values are not clamped, but pictures are.
        let seen: Vec<f32> = drawn.image(k).iter().map(|v| v.clamp(-1.0, 1.0)).collect();
        let Some(nearest) = run.images.nearest(&seen, None, mirrored) else { continue };
        let pick = halfstep_data::Pick::new(nearest.index).flipped(nearest.flip);
        found.values.extend(run.images.batch(&[pick]).images);
        check.distances.push(nearest.distance);
        check.images.push(nearest.index);
    }
    found.shape[0] = check.images.len();
    let rows = picture::rows(&[&drawn, &found], picture::comfortable_scale(drawn.shape[2]))?;
    output::write_png(&run.folder.file(layout::NEAREST), rows)?;
    Ok(check.write(run.folder.path())?)
}

/// The median distance between a training image and the nearest other one; `None` for fewer than two images.
fn typical_distance(dataset: &dyn ImageSource, mirrored: bool) -> Option<f64> {
    let stride = dataset.len().div_ceil(PROBES);
    let distance = |index: usize| {
        let batch = dataset.batch(&[halfstep_data::Pick::new(index)]);
        dataset.nearest(&batch.images, Some(index), mirrored).map(|nearest| nearest.distance)
    };
    let distances: Vec<f64> = (0..dataset.len()).step_by(stride).filter_map(distance).collect();
    median(&distances)
}

#[cfg(test)]
mod tests {
    use halfstep_data::{DataConfig, Dataset};

    use super::*;

    #[test]
    fn the_typical_distance_between_digits_is_plausible() {
        let digits = DataConfig::Digits {}.load().unwrap();
        let typical = typical_distance(&digits, false).unwrap();
        assert!((0.05..0.6).contains(&typical), "{typical}");
        let twice = [&[0_u8, 255][..], &[0, 255], &[9, 9]].concat();
        let pairs = Dataset::new("pairs", [1, 1, 2], twice, None, None).unwrap();
        assert_eq!(typical_distance(&pairs, false), Some(0.0), "two of three images are equal");
    }
}
