//! Is it copying? The training images nearest to some of the drawn ones.

use halfstep_data::Dataset;
use halfstep_model::read_text;
use halfstep_sample::output::write_file;
use halfstep_sample::{Images, output, picture};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::report::number::median;
use crate::run::Run;
use crate::run_folder::RunFolder;
use crate::stage::Stage;

/// Drawn images that are looked up.
const LOOKED_UP: usize = 10;
/// Training images over which the usual distance is measured.
const PROBES: usize = 32;

const PICTURE: &str = "samples/nearest.png";
const NUMBERS: &str = "report/nearest.json";

/// How near drawn images are to training images: root of the mean squared difference, pixels in
/// `[-1, 1]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Copies {
    /// Whose images, in words.
    pub model: String,
    /// Distance of each drawn image to its nearest training image.
    pub distances: Vec<f64>,
    /// Their positions in the dataset.
    pub images: Vec<usize>,
    /// Median distance of a training image to the nearest other one; `None` if there is no other.
    pub typical: Option<f64>,
}

impl Copies {
    /// What was written, and its picture; `None` if it is not there or damaged.
    pub fn read(folder: &std::path::Path) -> Option<(Self, Vec<u8>)> {
        let numbers = read_text(&folder.join(NUMBERS)).ok()?;
        Some((serde_json::from_str(&numbers).ok()?, std::fs::read(folder.join(PICTURE)).ok()?))
    }

    fn write(&self, folder: &RunFolder, rows: &[&Images]) -> Result<(), TrainError> {
        let scale = picture::comfortable_scale(rows[0].shape[2]);
        output::write_png(&folder.file(PICTURE), picture::rows(rows, scale)?)?;
        let path = folder.file(NUMBERS);
        let text =
            serde_json::to_string_pretty(self).map_err(|error| TrainError::file(&path, error))?;
        Ok(write_file(&path, text.as_bytes())?)
    }
}

impl Run<'_> {
    /// Looks for the training images nearest to the first of `images`.
    pub(crate) fn nearest(&self, stage: Stage, images: &Images) -> Result<(), TrainError> {
        let drawn = images.first(LOOKED_UP);
        let mirrored = self.config.teacher.flip;
        let (mut copies, mut found) = (
            Copies {
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
            copies.distances.push(nearest.distance);
            copies.images.push(nearest.index);
        }
        found.shape[0] = copies.images.len();
        copies.write(&self.folder, &[&drawn, &found])
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
    use halfstep_data::{DataConfig, Progress};

    use super::*;

    #[test]
    fn the_usual_distance_between_digits_is_neither_nothing_nor_everything() {
        let digits = DataConfig::Digits {}.load(Progress::Hidden).unwrap();
        let typical = typical_distance(&digits, false).unwrap();
        assert!((0.05..0.6).contains(&typical), "{typical}");
        let twice = [&[0_u8, 255][..], &[0, 255], &[9, 9]].concat();
        let pairs = Dataset::new("pairs", [1, 1, 2], twice, None, None).unwrap();
        assert_eq!(typical_distance(&pairs, false), Some(0.0), "two of three are alike");
    }
}
