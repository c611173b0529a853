//! Is it copying? The training images nearest to some of the drawn ones.

use halfstep_data::Dataset;
use halfstep_run::{Memorisation, layout, median};
use halfstep_sample::{Images, output, picture};

use crate::error::TrainError;
use crate::run::Run;
use crate::stage::Stage;

/// Drawn images that are looked up.
const LOOKED_UP: usize = 10;
/// Training images over which the usual distance is measured.
const PROBES: usize = 32;

impl Run<'_> {
    /// Looks for the training images nearest to the first of `images`.
    pub(crate) fn nearest(&self, stage: Stage, images: &Images) -> Result<(), TrainError> {
        let drawn = images.first(LOOKED_UP);
        let mirrored = self.config.teacher.flip;
        let (mut check, mut found) = (
            Memorisation {
                model: stage.to_string(),
                distances: Vec::new(),
                images: Vec::new(),
                typical: typical_distance(self.dataset, mirrored),
            },
            Images { values: Vec::new(), shape: drawn.shape },
        );
        for k in 0..drawn.len() {
            // What the eye sees: the sampler's values are not clamped.
            let seen: Vec<f32> = drawn.image(k).iter().map(|v| v.clamp(-1.0, 1.0)).collect();
            let Some(nearest) = self.dataset.nearest(&seen, None, mirrored) else { continue };
            let pick = halfstep_data::Pick::new(nearest.index).flipped(nearest.flip);
            found.values.extend(self.dataset.batch(&[pick]).images);
            check.distances.push(nearest.distance);
            check.images.push(nearest.index);
        }
        found.shape[0] = check.images.len();
        let rows = picture::rows(&[&drawn, &found], picture::comfortable_scale(drawn.shape[2]))?;
        output::write_png(&self.folder.file(layout::NEAREST), rows)?;
        Ok(check.write(self.folder.path())?)
    }
}

/// The median distance of training images to their nearest other one.
fn typical_distance(dataset: &Dataset, mirrored: bool) -> Option<f64> {
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
    use halfstep_data::DataConfig;

    use super::*;

    #[test]
    fn the_usual_distance_between_digits_is_neither_nothing_nor_everything() {
        let digits = DataConfig::Digits {}.load().unwrap();
        let typical = typical_distance(&digits, false).unwrap();
        assert!((0.05..0.6).contains(&typical), "{typical}");
        let twice = [&[0_u8, 255][..], &[0, 255], &[9, 9]].concat();
        let pairs = Dataset::new("pairs", [1, 1, 2], twice, None, None).unwrap();
        assert_eq!(typical_distance(&pairs, false), Some(0.0), "two of three are alike");
    }
}
