//! Precision and recall (Kynkäänniemi et al. 2019, <https://arxiv.org/abs/1904.06991>).

use faer::Mat;

use crate::error::EvalError;
use crate::features::Features;

/// Both in `[0, 1]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PrecisionRecall {
    /// Part of the generated samples that lie near real ones: how good they are.
    pub precision: f64,
    /// Part of the real samples that lie near generated ones: how much of the data is drawn.
    pub recall: f64,
}

/// Rows compared at once.
const CHUNK: usize = 1024;

/// A sample lies near a side if it is in the ball around one of its samples that reaches to that
/// sample's k-th neighbour; k = 3 in the paper.
///
/// # Errors
/// [`EvalError::TooFew`] for k samples or fewer; [`EvalError::Dimensions`].
pub fn precision_recall(
    generated: &Features,
    real: &Features,
    k: usize,
) -> Result<PrecisionRecall, EvalError> {
    generated.check(real, "precision and recall", k + 1)?;
    Ok(PrecisionRecall {
        precision: part_near(generated, real, k),
        recall: part_near(real, generated, k),
    })
}

/// Part of `samples` within a ball of `side`.
fn part_near(samples: &Features, side: &Features, k: usize) -> f64 {
    let radii = radii(side, k);
    let mut near = 0;
    for_each_row_of_distances(samples, side, |_, distances| {
        near +=
            usize::from(distances.iter().zip(&radii).any(|(distance, radius)| distance <= radius));
    });
    near as f64 / samples.len() as f64
}

/// Squared distance of each sample to its k-th neighbour; it is its own zeroth.
fn radii(side: &Features, k: usize) -> Vec<f64> {
    let mut radii = Vec::with_capacity(side.len());
    for_each_row_of_distances(side, side, |row, distances| {
        distances[row] = 0.0; // what rounding leaves of it
        let (_, &mut radius, _) = distances.select_nth_unstable_by(k, f64::total_cmp);
        radii.push(radius);
    });
    radii
}

/// Squared distances of each row of `from` to all of `to`, by |a|^2 + |b|^2 - 2 a.b in f64.
fn for_each_row_of_distances(
    from: &Features,
    to: &Features,
    mut use_row: impl FnMut(usize, &mut [f64]),
) {
    let to_matrix = matrix(to, 0, to.len());
    let to_squares = squares(to, 0, to.len());
    let mut distances = vec![0.0; to.len()];
    for first in (0..from.len()).step_by(CHUNK) {
        let count = CHUNK.min(from.len() - first);
        let products = &to_matrix * matrix(from, first, count).transpose(); // [to, from]
        let from_squares = squares(from, first, count);
        for k in 0..count {
            for (j, distance) in distances.iter_mut().enumerate() {
                *distance = from_squares[k] + to_squares[j] - 2.0 * products[(j, k)];
            }
            use_row(first + k, &mut distances);
        }
    }
}

fn matrix(features: &Features, first: usize, count: usize) -> Mat<f64> {
    Mat::from_fn(count, features.dim(), |k, d| f64::from(features.row(first + k)[d]))
}

fn squares(features: &Features, first: usize, count: usize) -> Vec<f64> {
    let square = |row: &[f32]| row.iter().map(|&value| f64::from(value).powi(2)).sum();
    (first..first + count).map(|k| square(features.row(k))).collect()
}
