//! The Frechet distance between two Gaussians (Heusel et al. 2017, <https://arxiv.org/abs/1706.08500>).

use std::io::Read;
use std::path::Path;

use faer::{Mat, MatRef, Side};
use npyz::NpyFile;

use crate::error::EvalError;
use crate::features::matrix::Features;
use crate::images::archive;

/// Mean and covariance of features.
#[derive(Clone, Debug)]
pub struct Statistics {
    /// `[D]`
    pub mean: Vec<f64>,
    /// `[D, D]`, divided by N - 1 as `numpy.cov` divides.
    pub covariance: Mat<f64>,
}

/// Of published statistics: more than any network that they are made with has.
const MOST_FEATURES: u64 = 16_384;

/// How far the two halves of a covariance may differ, in parts of its largest entry: some programs sum
/// products in f32.
const ASYMMETRY: f64 = 1e-5;

/// How far below 0 rounding may leave a distance, in parts of its terms.
const ROUNDING: f64 = 1e-6;

/// Samples whose products are summed at once: 64 MiB at D = 2048.
const CHUNK: usize = 4096;

impl Statistics {
    /// Of features, in f64: the mean first, then the products of what is left.
    ///
    /// # Errors
    /// [`EvalError::TooFew`] for less than two samples.
    pub fn of(features: &Features) -> Result<Self, EvalError> {
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

    /// Arrays `mu` `[D]` and `sigma` `[D, D]` of an npz file, float64 or float32, as FID's tools publish
    /// them.
    ///
    /// # Errors
    /// [`EvalError::Pictures`] naming the file and what it lacks.
    pub fn from_npz(path: &Path) -> Result<Self, EvalError> {
        let wrong = |problem: String| EvalError::pictures(path, problem);
        let mut archive = archive::open(path)?;
        let mut array = |name: &str, most: u64| -> Result<Vec<f64>, EvalError> {
            let array = archive.by_name(name).map_err(|error| wrong(error.to_string()))?;
            match array {
                Some(array) => {
                    numbers(array, most).map_err(|problem| wrong(format!("`{name}` {problem}")))
                }
                None => {
                    Err(archive::lacks(path, &format!("`{name}`"), &archive::npz_arrays(path)?))
                }
            }
        };
        // Symmetric: row-major or not is all the same.
        let (mean, covariance) =
            (array("mu", MOST_FEATURES)?, array("sigma", MOST_FEATURES.pow(2))?);
        Self::from_parts(mean, &covariance).map_err(|error| wrong(error.to_string()))
    }

    /// Of statistics that another program made: `mean` of length D, `covariance` row-major `[D, D]`.
    ///
    /// # Errors
    /// [`EvalError::Dimensions`] if they do not fit; [`EvalError::NotFinite`]; [`EvalError::NoCovariance`]
    /// if the matrix is not symmetric.
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

    /// The `count` directions `[D, count]` in which samples differ most, or all D if there are fewer.
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

    /// Of the samples' coordinates along `axes` `[D, K]`.
    ///
    /// # Panics
    /// If the axes are of another number of features.
    #[must_use]
    pub fn along(&self, axes: &Mat<f64>) -> Self {
        let mean = Mat::from_fn(1, self.mean.len(), |_, d| self.mean[d]) * axes;
        let covariance = axes.transpose() * &self.covariance * axes;
        Self { mean: (0..axes.ncols()).map(|k| mean[(0, k)]).collect(), covariance }
    }
}

/// Whether a matrix equals its transpose, as far as f32 shows.
fn check_symmetry(matrix: &Mat<f64>) -> Result<(), EvalError> {
    let dim = matrix.nrows();
    let entries = || (0..dim).flat_map(|column| (0..dim).map(move |row| (row, column)));
    let largest = entries().map(|at| matrix[at].abs()).fold(0.0, f64::max);
    let differs = |(row, column): &(usize, usize)| {
        (matrix[(*row, *column)] - matrix[(*column, *row)]).abs() > ASYMMETRY * largest
    };
    match entries().find(differs) {
        None => Ok(()),
        Some((row, column)) => Err(EvalError::NoCovariance(format!(
            "entry [{row}, {column}] is {}, and [{column}, {row}] is {}",
            matrix[(row, column)],
            matrix[(column, row)]
        ))),
    }
}

/// All values of an array of at most `most` floats, or what is wrong with it.
fn numbers<R: Read>(array: NpyFile<R>, most: u64) -> Result<Vec<f64>, String> {
    let count = array.shape().iter().try_fold(1u64, |all, &n| all.checked_mul(n));
    if count.is_none_or(|count| count > most) {
        let shape = array.shape();
        return Err(format!("has shape {shape:?}; at most {MOST_FEATURES} features are taken"));
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

/// `|m1 - m2|^2 + tr(C1) + tr(C2) - 2 tr((C1^(1/2) C2 C1^(1/2))^(1/2))`, never below 0: what rounding leaves
/// there is 0, and more than rounding is an error. With the features of [`Inception`](crate::Inception) it is the FID.
///
/// The product under the root is symmetric and has the eigenvalues of C1 C2, whose square root other
/// programs take of an unsymmetric matrix: no complex parts, and nothing has to be added to covariances
/// of fewer samples than features. Both roots are of eigenvalues; those below 0 are rounding, and are 0.
///
/// # Errors
/// [`EvalError::Dimensions`]; [`EvalError::NotFinite`] if the eigenvalues cannot be found;
/// [`EvalError::NoCovariance`] if the distance is clearly negative, which that of two covariances is not.
pub fn frechet_distance(one: &Statistics, other: &Statistics) -> Result<f64, EvalError> {
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
        return Err(EvalError::NoCovariance(problem));
    }
    Ok(if distance <= 0.0 { 0.0 } else { distance })
}

/// Of `dim` features. An eigenvalue that is 0 is found within the precision of f64, and its root within
/// the root of that: with many features and few samples these add up to more than [`ROUNDING`].
fn rounding(dim: usize) -> f64 {
    ROUNDING.max(dim as f64 * f64::EPSILON.sqrt())
}

/// Of a symmetric matrix without negative eigenvalues.
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
