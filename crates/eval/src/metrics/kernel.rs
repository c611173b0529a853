//! The kernel distance, which is the KID for Inception's features (Binkowski et al. 2018,
//! <https://arxiv.org/abs/1801.01401>).

use faer::Mat;
use halfstep_core::rng::{Purpose, Stream};

use crate::error::EvalError;
use crate::features::Features;
use crate::progress::OnProgress;
use crate::subset::random;

/// How a kernel distance is estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelOptions {
    /// Number of random subsets per side.
    pub subsets: usize,
    /// Samples per subset.
    pub subset_size: usize,
    /// Seed of the random subsets.
    pub seed: u64,
}

impl Default for KernelOptions {
    /// 100 subsets of 1000 samples, as in the paper and in torch-fidelity.
    fn default() -> Self {
        Self { subsets: 100, subset_size: 1000, seed: 0 }
    }
}

/// A kernel distance, estimated over subsets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KernelDistance {
    /// Mean over the subsets. It is the KID for Inception's features.
    pub mean: f64,
    /// Standard deviation over the subsets (divisor: their number). It is not the error of the mean, because
    /// subsets overlap.
    pub deviation: f64,
}

/// The unbiased estimate of the squared maximum mean discrepancy under the kernel `k(x, y) = (x.y / D + 1)^3`,
/// averaged over random subsets:
/// `mean k(x, x') + mean k(y, y') - 2 mean k(x, y)`, x and y from either side, x' and y' other samples.
///
/// `on_subset` is called with the number of finished subsets.
///
/// # Errors
/// [`EvalError::TooFew`] for sides smaller than a subset; [`EvalError::Dimensions`];
/// [`EvalError::Stopped`].
#[doc(alias = "KID")]
#[doc(alias = "MMD")]
pub fn kernel_distance(
    one: &Features,
    other: &Features,
    options: KernelOptions,
    on_subset: &mut OnProgress<'_>,
) -> Result<KernelDistance, EvalError> {
    one.check(other, "the kernel distance", options.subset_size.max(2))?;
    let mut estimates = Vec::with_capacity(options.subsets);
    for k in 0..options.subsets.max(1) {
        let mut draws = Stream::new(options.seed, Purpose::Evaluation, k as u64);
        let ours = subset(one, options.subset_size, &mut draws);
        let theirs = subset(other, options.subset_size, &mut draws);
        estimates.push(discrepancy(&ours, &theirs));
        if on_subset(k + 1).is_break() {
            return Err(EvalError::Stopped);
        }
    }
    let count = estimates.len() as f64;
    let mean = estimates.iter().sum::<f64>() / count;
    let squares = estimates.iter().map(|estimate| (estimate - mean).powi(2));
    Ok(KernelDistance { mean, deviation: (squares.sum::<f64>() / count).sqrt() })
}

/// `size` distinct samples, `[size, D]`.
fn subset(features: &Features, size: usize, draws: &mut Stream) -> Mat<f64> {
    let order = random(features.len(), size, draws);
    Mat::from_fn(size, features.dim(), |k, d| f64::from(features.row(order[k])[d]))
}

/// The unbiased estimate: pairs of a sample with itself do not count.
fn discrepancy(ours: &Mat<f64>, theirs: &Mat<f64>) -> f64 {
    let count = ours.nrows() as f64;
    let within = |side: &Mat<f64>| {
        let (sum, diagonal) = kernel_sums(side, side);
        (sum - diagonal) / (count * (count - 1.0))
    };
    let (between, _) = kernel_sums(ours, theirs);
    within(ours) + within(theirs) - 2.0 * between / (count * count)
}

/// The sum of all kernel values, and of those on the diagonal.
fn kernel_sums(one: &Mat<f64>, other: &Mat<f64>) -> (f64, f64) {
    let products = one * other.transpose();
    let scale = 1.0 / one.ncols() as f64;
    let kernel = |product: f64| (product * scale + 1.0).powi(3);
    let (mut sum, mut diagonal) = (0.0, 0.0);
    for column in 0..products.ncols() {
        for row in 0..products.nrows() {
            sum += kernel(products[(row, column)]);
        }
        diagonal += kernel(products[(column, column)]);
    }
    (sum, diagonal)
}
