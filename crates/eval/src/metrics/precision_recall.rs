//! Precision and recall (Kynkäänniemi et al. 2019, <https://arxiv.org/abs/1904.06991>).

use std::ops::ControlFlow;

use faer::Mat;

use crate::error::EvalError;
use crate::features::matrix::{Features, OnDone};

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

/// What a side covers: around each of its samples the ball that reaches to that sample's k-th neighbour.
pub struct Manifold {
    features: Features,
    /// Squared.
    radii: Vec<f64>,
    k: usize,
}

impl Manifold {
    /// Of samples; k = 3 in the paper. It takes the distances of all pairs of them; `on_rows` is told of how
    /// many samples they are known.
    ///
    /// # Errors
    /// [`EvalError::TooFew`] for k samples or fewer; [`EvalError::Stopped`].
    pub fn of(features: Features, k: usize, on_rows: &mut OnDone<'_>) -> Result<Self, EvalError> {
        features.check(&features, NAME, k + 1)?;
        let mut radii = Vec::with_capacity(features.len());
        for_each_row_of_distances(&features, &features, on_rows, |row, distances| {
            distances[row] = 0.0; // what rounding leaves of it
            let (_, &mut radius, _) = distances.select_nth_unstable_by(k, f64::total_cmp);
            radii.push(radius);
        })?;
        Ok(Self { features, radii, k })
    }

    /// Precision and recall of this side, the generated one, against a real one, by the distances of all
    /// pairs of both: as many rows as it has samples.
    ///
    /// # Errors
    /// [`EvalError::Dimensions`]; [`EvalError::Stopped`].
    ///
    /// # Panics
    /// If they were made with different k.
    pub fn compare(
        &self,
        real: &Self,
        on_rows: &mut OnDone<'_>,
    ) -> Result<PrecisionRecall, EvalError> {
        assert_eq!(self.k, real.k, "k of both sides");
        self.features.check(&real.features, NAME, self.k + 1)?;
        let (mut near, mut is_near) = (0, vec![false; real.features.len()]);
        for_each_row_of_distances(&self.features, &real.features, on_rows, |row, distances| {
            let mut covered = false;
            for ((&distance, &radius), is_near) in
                distances.iter().zip(&real.radii).zip(&mut is_near)
            {
                covered |= distance <= radius;
                *is_near |= distance <= self.radii[row];
            }
            near += usize::from(covered);
        })?;
        let recalled = is_near.iter().filter(|is_near| **is_near).count();
        Ok(PrecisionRecall {
            precision: near as f64 / self.features.len() as f64,
            recall: recalled as f64 / real.features.len() as f64,
        })
    }
}

const NAME: &str = "precision and recall";

/// Of two sets of samples, with the k-th neighbour; k = 3 in the paper. [`Manifold`] does the same with
/// what is known of one side kept, and may be stopped.
///
/// # Errors
/// [`EvalError::TooFew`] for k samples or fewer; [`EvalError::Dimensions`].
pub fn precision_recall(
    generated: &Features,
    real: &Features,
    k: usize,
) -> Result<PrecisionRecall, EvalError> {
    generated.check(real, NAME, k + 1)?;
    let mut go_on = |_| ControlFlow::Continue(());
    let real = Manifold::of(real.clone(), k, &mut go_on)?;
    Manifold::of(generated.clone(), k, &mut go_on)?.compare(&real, &mut go_on)
}

/// Squared distances of each row of `from` to all of `to`, by |a|^2 + |b|^2 - 2 a.b in f64.
fn for_each_row_of_distances(
    from: &Features,
    to: &Features,
    on_rows: &mut OnDone<'_>,
    mut use_row: impl FnMut(usize, &mut [f64]),
) -> Result<(), EvalError> {
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
        if on_rows(first + count).is_break() {
            return Err(EvalError::Stopped);
        }
    }
    Ok(())
}

fn matrix(features: &Features, first: usize, count: usize) -> Mat<f64> {
    Mat::from_fn(count, features.dim(), |k, d| f64::from(features.row(first + k)[d]))
}

fn squares(features: &Features, first: usize, count: usize) -> Vec<f64> {
    let square = |row: &[f32]| row.iter().map(|&value| f64::from(value).powi(2)).sum();
    (first..first + count).map(|k| square(features.row(k))).collect()
}
