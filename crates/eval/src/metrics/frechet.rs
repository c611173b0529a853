//! The Frechet distance between two Gaussians, which is the FID for Inception's features (Heusel et al. 2017,
//! <https://arxiv.org/abs/1706.08500>, equation 6).

use std::io::Read;
use std::path::Path;

use faer::{Mat, MatRef, Side};
use npyz::NpyFile;

use crate::error::EvalError;
use crate::features::Features;
use crate::images::archive;

/// Mean and covariance of features: what the Frechet distance compares, and what FID tools publish of datasets.
#[derive(Clone, Debug)]
pub struct FeatureStatistics {
    /// Mean, `[D]`.
    pub mean: Vec<f64>,
    /// Covariance, `[D, D]`, with the divisor N - 1 of `numpy.cov`.
    pub covariance: Mat<f64>,
}

/// Largest D of published statistics: more than any feature network has.
const MAX_FEATURES: u64 = 16_384;

/// Largest asymmetry of a covariance, relative to its largest entry: some programs sum products in f32.
const ASYMMETRY: f64 = 1e-5;

/// How far below 0 rounding may push a distance, relative to the sum of its terms.
const ROUNDING: f64 = 1e-6;

/// Samples whose products are summed in one matrix product: 64 MiB at D = 2048.
const CHUNK: usize = 4096;

impl FeatureStatistics {
    /// Mean and covariance of features, in f64. The mean is subtracted before products are summed.
    ///
    /// # Errors
    /// [`EvalError::TooFew`] for fewer than two samples.
    pub fn from_features(features: &Features) -> Result<Self, EvalError> {
        features.check(features, "a covariance", 2)?;
        let (count, dim) = (features.len(), features.dim());
        let mut mean = vec![0.0; dim];
        for row in features.rows() {
            mean.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        mean.iter_mut().for_each(|sum| *sum /= count as f64);
        let mut covariance = Mat::<f64>::zeros(dim, dim);
        for first in (0..count).step_by(CHUNK) {
            let rows = CHUNK.min(count - first);
            let centred =
                Mat::from_fn(rows, dim, |k, d| f64::from(features.row(first + k)[d]) - mean[d]);
            covariance += centred.transpose() * &centred;
        }
        let scale = 1.0 / (count - 1) as f64;
        Ok(Self { mean, covariance: covariance * faer::Scale(scale) })
    }

    /// Arrays `mu` `[D]` and `sigma` `[D, D]` of an npz file, float64 or float32, as FID tools publish them.
    ///
    /// # Errors
    /// [`EvalError::Images`] naming the file and what is wrong with it.
    pub fn from_npz(path: &Path) -> Result<Self, EvalError> {
        let wrong = |problem: String| EvalError::images(path, problem);
        let mut archive = archive::open(path)?;
        let mut array = |name: &str, most: u64| -> Result<Vec<f64>, EvalError> {
            let array = archive.by_name(name).map_err(|error| wrong(error.to_string()))?;
            match array {
                Some(array) => {
                    numbers(array, most).map_err(|problem| wrong(format!("`{name}` {problem}")))
                }
                None => Err(archive::missing_array(
                    path,
                    &format!("`{name}`"),
                    &archive::npz_arrays(path)?,
                )),
            }
        };
        // `sigma` is symmetric: its storage order does not matter.
        let (mean, covariance) = (array("mu", MAX_FEATURES)?, array("sigma", MAX_FEATURES.pow(2))?);
        Self::from_parts(mean, &covariance).map_err(|error| wrong(error.to_string()))
    }

    /// Statistics that another program computed: `mean` of length D and `covariance` `[D, D]`.
    ///
    /// # Errors
    /// [`EvalError::Dimensions`] if their sizes do not fit; [`EvalError::NotFinite`];
    /// [`EvalError::NotACovariance`] if the matrix is not symmetric.
    pub fn from_parts(mean: Vec<f64>, covariance: &[f64]) -> Result<Self, EvalError> {
        let dim = mean.len();
        if covariance.len() != dim * dim {
            return Err(EvalError::Dimensions(dim, covariance.len() / dim.max(1)));
        }
        if !mean.iter().chain(covariance).all(|value| value.is_finite()) {
            return Err(EvalError::NotFinite("statistics"));
        }
        let covariance = Mat::from_fn(dim, dim, |row, column| covariance[row * dim + column]);
        check_symmetry(&covariance)?;
        Ok(Self { mean, covariance })
    }

    /// The `count` directions `[D, count]` of largest variance, or all D if there are fewer.
    ///
    /// # Errors
    /// [`EvalError::NotFinite`] if the eigenvalues cannot be found.
    pub fn principal_axes(&self, count: usize) -> Result<Mat<f64>, EvalError> {
        let eigen = self.covariance.self_adjoint_eigen(Side::Lower);
        let eigen = eigen.map_err(|_| EvalError::NotFinite("covariances"))?;
        let (vectors, dim) = (eigen.U(), self.mean.len()); // their values rise
        let count = count.min(dim);
        Ok(Mat::from_fn(dim, count, |row, column| vectors[(row, dim - 1 - column)]))
    }

    /// The statistics of the samples' coordinates along `axes` `[D, K]`.
    ///
    /// # Panics
    /// If the axes have another D.
    #[must_use]
    pub fn along(&self, axes: &Mat<f64>) -> Self {
        let mean = Mat::from_fn(1, self.mean.len(), |_, d| self.mean[d]) * axes;
        let covariance = axes.transpose() * &self.covariance * axes;
        Self { mean: (0..axes.ncols()).map(|k| mean[(0, k)]).collect(), covariance }
    }
}

/// Refuses a matrix that differs from its transpose by more than rounding in f32.
fn check_symmetry(matrix: &Mat<f64>) -> Result<(), EvalError> {
    let dim = matrix.nrows();
    let entries = || (0..dim).flat_map(|column| (0..dim).map(move |row| (row, column)));
    let largest = entries().map(|at| matrix[at].abs()).fold(0.0, f64::max);
    let differs = |(row, column): &(usize, usize)| {
        (matrix[(*row, *column)] - matrix[(*column, *row)]).abs() > ASYMMETRY * largest
    };
    match entries().find(differs) {
        None => Ok(()),
        Some((row, column)) => Err(EvalError::NotACovariance(format!(
            "entry [{row}, {column}] is {}, and [{column}, {row}] is {}",
            matrix[(row, column)],
            matrix[(column, row)]
        ))),
    }
}

/// All values of an array of at most `most` floats.
///
/// # Errors
/// What is wrong with the array, in words.
fn numbers<R: Read>(array: NpyFile<R>, most: u64) -> Result<Vec<f64>, String> {
    let count = array.shape().iter().try_fold(1u64, |all, &n| all.checked_mul(n));
    if count.is_none_or(|count| count > most) {
        let shape = array.shape();
        return Err(format!("has shape {shape:?}; at most {MAX_FEATURES} features are taken"));
    }
    let values: std::io::Result<Vec<f64>> = match array.try_data::<f64>() {
        Ok(values) => values.collect(),
        Err(array) => match array.try_data::<f32>() {
            Ok(values) => values.map(|value| value.map(f64::from)).collect(),
            Err(array) => {
                let found = archive::type_name(&array.dtype());
                return Err(format!("is {found}; float64 or float32 is needed"));
            }
        },
    };
    values.map_err(|error| error.to_string())
}

/// The Frechet distance between two Gaussians with means m and covariances C:
/// `|m1 - m2|^2 + tr(C1) + tr(C2) - 2 tr((C1^(1/2) C2 C1^(1/2))^(1/2))`.
///
/// With the features of [`Inception`](crate::Inception) it is the FID. The result is at least 0; a value that
/// rounding pushed below 0 becomes 0.
///
/// The product under the root is symmetric and has the eigenvalues of C1 C2, of which other programs take an
/// unsymmetric square root. So there are no complex parts, and covariances of fewer samples than features need
/// no correction. Both roots are computed from eigenvalues, of which negative ones (rounding) count as 0.
///
/// ```
/// use halfstep_eval::{FeatureStatistics, frechet_distance};
///
/// // One feature: (m1 - m2)^2 + (s1 - s2)^2.
/// let one = FeatureStatistics::from_parts(vec![0.0], &[1.0])?;
/// let other = FeatureStatistics::from_parts(vec![3.0], &[4.0])?;
/// assert!((frechet_distance(&one, &other)? - 10.0).abs() < 1e-12);
/// # Ok::<(), halfstep_eval::EvalError>(())
/// ```
///
/// # Errors
/// [`EvalError::Dimensions`]; [`EvalError::NotFinite`] if the eigenvalues cannot be computed;
/// [`EvalError::NotACovariance`] if the distance is clearly negative, which no two covariances have.
#[doc(alias = "FID")]
pub fn frechet_distance(
    one: &FeatureStatistics,
    other: &FeatureStatistics,
) -> Result<f64, EvalError> {
    if one.mean.len() != other.mean.len() {
        return Err(EvalError::Dimensions(one.mean.len(), other.mean.len()));
    }
    let means: f64 = one.mean.iter().zip(&other.mean).map(|(a, b)| (a - b).powi(2)).sum();
    let root = square_root(one.covariance.as_ref())?;
    let product = &root * &other.covariance * &root;
    let symmetric = (&product + product.transpose()) * faer::Scale(0.5);
    let eigenvalues = symmetric
        .self_adjoint_eigenvalues(Side::Lower)
        .map_err(|_| EvalError::NotFinite("covariances"))?;
    let roots: f64 = eigenvalues.iter().map(|value| value.max(0.0).sqrt()).sum();
    let traces = [trace(&one.covariance), trace(&other.covariance)];
    let distance = means + traces[0] + traces[1] - 2.0 * roots;
    let terms = means + traces[0].abs() + traces[1].abs();
    if distance < -rounding(one.mean.len()) * terms {
        let problem = format!("the Frechet distance to it would be {distance:.3e}, below 0");
        return Err(EvalError::NotACovariance(problem));
    }
    Ok(if distance <= 0.0 { 0.0 } else { distance })
}

/// The largest relative rounding error of a distance with `dim` features. An eigenvalue of 0 is computed within
/// the precision of f64, its root within the root of that precision; with many features and few samples these
/// errors add up to more than [`ROUNDING`].
fn rounding(dim: usize) -> f64 {
    ROUNDING.max(dim as f64 * f64::EPSILON.sqrt())
}

/// The square root of a symmetric matrix without negative eigenvalues.
fn square_root(matrix: MatRef<'_, f64>) -> Result<Mat<f64>, EvalError> {
    let eigen =
        matrix.self_adjoint_eigen(Side::Lower).map_err(|_| EvalError::NotFinite("covariances"))?;
    let (vectors, values) = (eigen.U(), eigen.S().column_vector());
    let scaled = Mat::from_fn(matrix.nrows(), matrix.ncols(), |row, column| {
        vectors[(row, column)] * values[column].max(0.0).sqrt()
    });
    Ok(scaled * vectors.transpose())
}

fn trace(matrix: &Mat<f64>) -> f64 {
    (0..matrix.nrows()).map(|k| matrix[(k, k)]).sum()
}
