//! The last step of the bound, from the least noisy state to the image.

use std::f64::consts::{PI, SQRT_2};

use burn::tensor::Tensor;
use libm::erfc;

use crate::error::EvalError;

/// What images consist of, which decides their probability under the last step's Gaussian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoder {
    /// Bytes `b` as `2 b / 255 - 1`: the Gaussian's mass between the midpoints to the neighbouring bytes, and to
    /// infinity for 0 and 255 (Ho et al. 2020, equation 13). Nats of a probability.
    Bytes,
    /// Real numbers: nats of a density, which may be negative.
    Continuous,
}

/// Half of the distance between neighbouring bytes in `[-1, 1]`.
const HALF_BIN: f64 = 1.0 / 255.0;

impl Decoder {
    /// Half of the range of image values.
    pub(super) fn half_range(self) -> f64 {
        match self {
            Self::Bytes => 1.0,
            Self::Continuous => f64::INFINITY,
        }
    }

    /// `-ln p(x0)` of each image under `N(mean, variance I)`, in nats.
    pub(super) fn nats(
        self,
        x0: Tensor<4>,
        mean: Tensor<4>,
        variance: f64,
    ) -> Result<Vec<f64>, EvalError> {
        let [images, ..] = x0.dims();
        let read = |values: Tensor<4>| -> Result<Vec<f64>, EvalError> {
            let data =
                values.try_into_data().map_err(|error| EvalError::Device(format!("{error:?}")))?;
            Ok(data.iter::<f64>().collect())
        };
        let (x0, mean) = (read(x0)?, read(mean)?);
        let each = x0.len() / images.max(1);
        let of_value = |x: f64, mean: f64| match self {
            Self::Bytes => -ln_bin(x, mean, variance.sqrt()),
            Self::Continuous => -ln_density(x, mean, variance.sqrt()),
        };
        let nats: Vec<f64> = x0
            .chunks_exact(each)
            .zip(mean.chunks_exact(each))
            .map(|(x0, mean)| x0.iter().zip(mean).map(|(&x, &mean)| of_value(x, mean)).sum())
            .collect();
        match nats.iter().all(|nats| nats.is_finite()) {
            true => Ok(nats),
            false => Err(EvalError::NotFinite("the model's predictions")),
        }
    }
}

fn ln_density(x: f64, mean: f64, deviation: f64) -> f64 {
    -0.5 * ((x - mean) / deviation).powi(2) - (deviation * (2.0 * PI).sqrt()).ln()
}

/// The logarithm of the Gaussian's mass in the bin around `x`. It is a difference of the upper tails, which are
/// small, so that nothing cancels. A mass below the smallest number is estimated from the density at the nearer end
/// of the bin.
fn ln_bin(x: f64, mean: f64, deviation: f64) -> f64 {
    // By symmetry, the bin above the mean.
    let (x, mean) = if x < mean { (-x, -mean) } else { (x, mean) };
    let below = |end: f64| 0.5 * erfc((end - mean) / (deviation * SQRT_2));
    let lower = if x - HALF_BIN < -1.0 { 1.0 } else { below(x - HALF_BIN) };
    let upper = if x + HALF_BIN > 1.0 { 0.0 } else { below(x + HALF_BIN) };
    match lower - upper {
        part if part > f64::MIN_POSITIVE => part.ln(),
        _ => ln_density(x - HALF_BIN, mean, deviation) + (2.0 * HALF_BIN).ln(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bins_of_all_bytes_are_the_whole_gaussian() {
        for (mean, deviation) in [(0.3, 0.01), (-0.999, 0.004), (1.2, 0.5), (0.0, 3.0)] {
            let byte = |b: i32| 2.0 * f64::from(b) / 255.0 - 1.0;
            let sum: f64 = (0..256).map(|b| ln_bin(byte(b), mean, deviation).exp()).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{mean} {deviation}: {sum}");
        }
    }

    #[test]
    fn a_bin_far_from_the_mean_is_small_and_finite() {
        // At 5 deviations the tail function works; at 500 the mass is below the smallest number.
        let near = ln_bin(1.0 / 255.0 + 5e-3, 0.0, 1e-3);
        assert!((near - (0.5 * erfc(5.0 / SQRT_2)).ln()).abs() < 1e-3, "{near}");
        let far = ln_bin(0.5, 0.0, 1e-3);
        let end = 0.5 - HALF_BIN;
        assert!(far.is_finite() && (far + 0.5 * (end / 1e-3f64).powi(2)).abs() < 20.0, "{far}");
        assert_eq!(ln_bin(0.5, 0.0, 1e-3), ln_bin(-0.5, 0.0, 1e-3));
    }
}
