//! Data drawn from a Gaussian with diagonal covariance.

use burn::tensor::Tensor;

use super::{OracleError, check_length, check_not_empty, check_values};
use crate::forward::host_tensor;
use crate::posterior::beta_between;
use crate::{Denoiser, NoiseLevel, Prediction, PredictionType, TimePoint};

/// `x0 ~ N(mean, diag(var))`. Everything about its diffusion is a formula in `v_j = alpha^2 var_j +
/// sigma^2`, the variance of z.
///
/// On the host a point is a slice of d values. As a [`Denoiser`] it takes `[B, C, H, W]` with `C H W = d` and predicts
/// v.
#[derive(Clone, Debug, PartialEq)]
pub struct GaussianOracle {
    mean: Vec<f64>,
    var: Vec<f64>,
}

impl GaussianOracle {
    /// From the mean and the variance of each of the d dimensions; a variance may be 0.
    ///
    /// # Errors
    ///
    /// [`OracleError`] for no dimensions, lists of two lengths, or a value that is negative
    /// (variance) or not finite.
    pub fn new(mean: Vec<f64>, var: Vec<f64>) -> Result<Self, OracleError> {
        check_not_empty("mean", mean.len())?;
        check_length("var", var.len(), mean.len())?;
        check_values("mean", &mean, |_| true)?;
        check_values("var", &var, |x| x >= 0.0)?;
        Ok(Self { mean, var })
    }

    /// Mean of the data, length d.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Variance of the data, length d.
    pub fn var(&self) -> &[f64] {
        &self.var
    }

    /// Variance of z at `level`, `v = alpha^2 var + sigma^2`, length d.
    pub fn marginal_var(&self, level: NoiseLevel) -> Vec<f64> {
        self.var.iter().map(|&var| spread(var, level)).collect()
    }

    /// Best estimate of the data, `E[x0 | z] = mean + alpha var / v (z - alpha mean)`.
    pub fn x0_hat(&self, z: &[f64], level: NoiseLevel) -> Vec<f64> {
        self.affine(z, |mean, var| {
            let gain = level.alpha() * var / spread(var, level);
            (gain, mean - gain * level.alpha() * mean)
        })
    }

    /// Best estimate of the noise, `sigma / v (z - alpha mean)`; `-sigma` times the score.
    pub fn eps_hat(&self, z: &[f64], level: NoiseLevel) -> Vec<f64> {
        self.affine(z, |mean, var| {
            let gain = level.sigma() / spread(var, level);
            (gain, -gain * level.alpha() * mean)
        })
    }

    /// Best estimate of the velocity, `alpha sigma (1 - var) / v (z - alpha mean) - sigma mean`.
    pub fn v_hat(&self, z: &[f64], level: NoiseLevel) -> Vec<f64> {
        self.affine(z, |mean, var| velocity_line(mean, var, level))
    }

    /// Where the probability-flow ODE takes `z`: `alpha_s mean + sqrt(v_s / v_r) (z - alpha_r
    /// mean)`. Any direction.
    pub fn exact_ode(&self, z: &[f64], from: NoiseLevel, to: NoiseLevel) -> Vec<f64> {
        self.affine(z, |mean, var| {
            let gain = (spread(var, to) / spread(var, from)).sqrt();
            (gain, (to.alpha() - gain * from.alpha()) * mean)
        })
    }

    /// `E |x0 - x0_hat|^2 / d`, the x0-MSE that no network can beat.
    pub fn optimal_x0_mse(&self, level: NoiseLevel) -> f64 {
        level.sigma().powi(2) * self.optimal_v_mse(level)
    }

    /// `E |v - v_hat|^2 / d = mean(var / v)`, the v-MSE that no network can beat.
    pub fn optimal_v_mse(&self, level: NoiseLevel) -> f64 {
        self.average(|var| var / spread(var, level))
    }

    /// `E |score|^2 / d = mean(1 / v)`, Analytic-DPM's Gamma (Bao et al. 2022, arXiv:2201.06503).
    pub fn gamma(&self, level: NoiseLevel) -> f64 {
        self.average(|var| 1.0 / spread(var, level))
    }

    /// Variance of `q(z_s | z_r)` with x0 integrated out, `v_s beta_rs / v_r`, length d: sampling
    /// with it is exact at any step size.
    pub fn exact_reverse_var(&self, from: NoiseLevel, to: NoiseLevel) -> Vec<f64> {
        if from == to {
            return vec![0.0; self.var.len()];
        }
        let beta = beta_between(from, to);
        let reverse = |&var: &f64| spread(var, to) * beta / spread(var, from);
        self.var.iter().map(reverse).collect()
    }

    /// `gain z + offset`, with `(gain, offset)` from each dimension's mean and variance.
    fn affine(&self, z: &[f64], line: impl Fn(f64, f64) -> (f64, f64)) -> Vec<f64> {
        let dimensions = self.mean.iter().zip(&self.var);
        z.iter()
            .zip(dimensions)
            .map(|(&z, (&mean, &var))| {
                let (gain, offset) = line(mean, var);
                gain * z + offset
            })
            .collect()
    }

    fn average(&self, of: impl Fn(f64) -> f64) -> f64 {
        self.var.iter().map(|&var| of(var)).sum::<f64>() / self.var.len() as f64
    }
}

impl Denoiser for GaussianOracle {
    /// # Panics
    ///
    /// If `C H W` is not the number of dimensions.
    fn predict(&self, z: Tensor<4>, at: &[TimePoint]) -> Prediction {
        let levels: Vec<_> = at.iter().map(|point| point.level).collect();
        let [_, channels, height, width] = z.dims();
        let shape = [levels.len(), channels, height, width];
        let lines = levels.iter().flat_map(|&level| {
            let dimensions = self.mean.iter().zip(&self.var);
            dimensions.map(move |(&mean, &var)| velocity_line(mean, var, level))
        });
        let (gain, offset) = lines.unzip();
        let v = host_tensor(gain, shape, &z) * z.clone() + host_tensor(offset, shape, &z);
        Prediction::new(PredictionType::VPrediction, v, z, &levels)
    }
}

/// Variance of one dimension of z.
fn spread(var: f64, level: NoiseLevel) -> f64 {
    level.alpha().powi(2) * var + level.sigma().powi(2)
}

/// `v_hat = gain z + offset` in one dimension.
fn velocity_line(mean: f64, var: f64, level: NoiseLevel) -> (f64, f64) {
    let gain = level.alpha() * level.sigma() * (1.0 - var) / spread(var, level);
    (gain, -(gain * level.alpha() + level.sigma()) * mean)
}
