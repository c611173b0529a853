//! Improved precision and recall (Kynkäänniemi et al. 2019, <https://arxiv.org/abs/1904.06991>).

use std::ops::ControlFlow;

use faer::Mat;

use crate::error::EvalError;
use crate::features::Features;
use crate::progress::OnProgress;

/// Precision and recall, each in `[0, 1]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PrecisionRecall {
    /// Fraction of the generated samples inside the real manifold: sample quality.
    pub precision: f64,
    /// Fraction of the real samples inside the generated manifold: coverage of the data.
    pub recall: f64,
}

/// Rows of distances per matrix product.
const CHUNK: usize = 1024;

/// The manifold of a set of samples: around each sample the ball that reaches its k-th nearest neighbour.
pub struct Manifold {
    features: Features,
    /// Squared radius per sample.
    radii: Vec<f64>,
    k: usize,
}

impl Manifold {
    /// The manifold of `features`, with the k-th neighbour; the paper takes k = 3. It computes the distances of
    /// all pairs; `on_rows` is called with the number of finished samples.
    ///
    /// # Errors
    /// [`EvalError::TooFew`] for k samples or fewer; [`EvalError::Stopped`].
    pub fn new(
        features: Features,
        k: usize,
        on_rows: &mut OnProgress<'_>,
    ) -> Result<Self, EvalError> {
        features.check(&features, NAME, k + 1)?;
        let mut radii = Vec::with_capacity(features.len());
        for_each_row_of_distances(&features, &features, on_rows, |row, distances| {
            distances[row] = 0.0; // apart from rounding
            let (_, &mut radius, _) = distances.select_nth_unstable_by(k, f64::total_cmp);
            radii.push(radius);
        })?;
        Ok(Self { features, radii, k })
    }

    /// Precision and recall of this manifold, the generated one, against the real one. It computes the distances
    /// of all pairs of both; `on_rows` is called with the number of finished generated samples.
    ///
    /// # Errors
    /// [`EvalError::Dimensions`]; [`EvalError::Stopped`].
    ///
    /// # Panics
    /// If the manifolds have different k.
    pub fn compare(
        &self,
        real: &Self,
        on_rows: &mut OnProgress<'_>,
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

/// Precision and recall of generated samples against real ones, with the k-th nearest neighbour; the paper takes
/// k = 3. Both depend on the number of samples, which should be the same on both sides.
///
/// With [`Manifold`] the real side is computed once, and a caller may follow and stop the work.
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
    let real = Manifold::new(real.clone(), k, &mut go_on)?;
    Manifold::new(generated.clone(), k, &mut go_on)?.compare(&real, &mut go_on)
}

/// Calls `use_row` with the squared distances of each row of `from` to all rows of `to`, computed as
/// |a|^2 + |b|^2 - 2 a.b in f64.
fn for_each_row_of_distances(
    from: &Features,
    to: &Features,
    on_rows: &mut OnProgress<'_>,
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
