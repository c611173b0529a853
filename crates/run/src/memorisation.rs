//! The memorisation check: how near samples are to the training images nearest to them.

use std::path::Path;

use halfstep_files::read_text;
use serde::{Deserialize, Serialize};

use crate::error::RunError;
use crate::json::write_json;
use crate::layout;

const FILE: &str = "report/nearest.json";

/// Distances from samples to their nearest training images. A distance is the root of the mean squared
/// difference of pixels in `[-1, 1]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Memorisation {
    /// The model that drew the samples: `student 4`.
    pub model: String,
    /// The distance of each sample to its nearest training image.
    pub distances: Vec<f64>,
    /// The positions of those training images in the dataset.
    pub images: Vec<usize>,
    /// The median distance of a training image to the nearest other one; `None` if there is no other.
    pub typical: Option<f64>,
}

impl Memorisation {
    /// Reads the numbers and the picture; `None` if either is missing or damaged.
    pub fn read(run: &Path) -> Option<(Self, Vec<u8>)> {
        let numbers = serde_json::from_str(&read_text(&run.join(FILE)).ok()?).ok()?;
        Some((numbers, std::fs::read(run.join(layout::NEAREST)).ok()?))
    }

    /// Writes the numbers.
    ///
    /// # Errors
    /// [`RunError::File`].
    pub fn write(&self, run: &Path) -> Result<(), RunError> {
        write_json(&run.join(FILE), self)
    }
}

/// The median of the finite values; `None` if there are none.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some(sorted[middle - 1] / 2.0 + sorted[middle] / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_ignores_what_is_not_a_number() {
        assert_eq!(median(&[3.0, f64::NAN, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[1.0, 2.0]), Some(1.5));
        assert_eq!(median(&[f64::INFINITY]), None);
    }

    #[test]
    fn numbers_without_their_picture_are_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let memorisation = Memorisation {
            model: "student 4".to_owned(),
            distances: vec![0.25],
            images: vec![7],
            typical: Some(0.5),
        };
        memorisation.write(dir.path()).unwrap();
        assert!(Memorisation::read(dir.path()).is_none());
        std::fs::create_dir(dir.path().join("samples")).unwrap();
        std::fs::write(dir.path().join(layout::NEAREST), "png").unwrap();
        assert_eq!(Memorisation::read(dir.path()), Some((memorisation, b"png".to_vec())));
    }
}
