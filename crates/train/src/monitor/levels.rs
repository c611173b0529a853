//! The error of each range of noise levels.

use halfstep_run::LEVELS;
use serde::{Deserialize, Serialize};

/// Sums of errors in each of [`LEVELS`] equal parts of `u` in `(0, 1]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct LevelSums {
    sums: [f64; LEVELS],
    counts: [u64; LEVELS],
}

impl LevelSums {
    /// Adds an image's error at time `u`.
    pub fn add(&mut self, u: f64, error: f64) {
        let part = ((u * LEVELS as f64).ceil() as usize).clamp(1, LEVELS) - 1;
        self.sums[part] += error;
        self.counts[part] += 1;
    }

    /// The mean error of each part; `None` for a part without images.
    pub fn means(&self) -> Vec<Option<f64>> {
        let parts = self.sums.iter().zip(self.counts);
        parts.map(|(sum, count)| (count > 0).then(|| sum / count as f64)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_includes_its_upper_end_and_empty_parts_have_no_mean() {
        let mut levels = LevelSums::default();
        for (u, error) in [(0.125, 1.0), (0.126, 2.0), (0.25, 4.0), (1.0, 5.0), (1e-9, 3.0)] {
            levels.add(u, error);
        }
        let means = levels.means();
        assert_eq!(means[..2], [Some(2.0), Some(3.0)]);
        assert_eq!(means[2..7], [None; 5]);
        assert_eq!(means[7], Some(5.0));
    }
}
