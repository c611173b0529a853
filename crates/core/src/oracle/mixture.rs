//! Data drawn from a mixture of round Gaussians.

use std::f64::consts::TAU;

use burn::tensor::Tensor;
use burn::tensor::activation::softmax;

use super::{OracleError, check_length, check_not_empty, check_values};
use crate::forward::host_tensor;
use crate::{Denoiser, NoiseLevel, Prediction, PredictionType, TimePoint};

/// `x0 ~ sum_k w_k N(mu_k, tau_k^2 I)`. With all `tau_k = 0` it is the exact denoiser of a finite
/// data set.
///
/// On the host a point is a slice of d values. As a [`Denoiser`] it takes `[B, C, H, W]` with `C H W = d` and predicts
/// v. It needs sigma > 0 where a `tau_k` is 0. In the formulas `v_k = alpha^2 tau_k^2 + sigma^2`.
#[derive(Clone, Debug, PartialEq)]
pub struct MixtureOracle {
    log_weights: Vec<f64>,
    means: Vec<Vec<f64>>,
    tau2: Vec<f64>,
}

impl MixtureOracle {
    /// From K positive weights (normalised here), K means of d values, and K variances `tau_k^2` (0
    /// allowed).
    ///
    /// # Errors
    ///
    /// [`OracleError`] for no components or dimensions, lists of different lengths, or a value out
    /// of range.
    pub fn new(
        weights: Vec<f64>,
        means: Vec<Vec<f64>>,
        tau2: Vec<f64>,
    ) -> Result<Self, OracleError> {
        check_not_empty("weights", weights.len())?;
        check_length("means", means.len(), weights.len())?;
        check_length("tau2", tau2.len(), weights.len())?;
        check_values("weights", &weights, |x| x > 0.0)?;
        check_values("tau2", &tau2, |x| x >= 0.0)?;
        check_not_empty("means[0]", means[0].len())?;
        for mean in &means {
            check_length("means[k]", mean.len(), means[0].len())?;
            check_values("means[k]", mean, |_| true)?;
        }
        let total: f64 = weights.iter().sum();
        Ok(Self {
            log_weights: weights.iter().map(|weight| (weight / total).ln()).collect(),
            means,
            tau2,
        })
    }

    /// Probability of each component given `z`: softmax of `ln w_k - d/2 ln(2 pi v_k) - |z - alpha
    /// mu_k|^2 / (2 v_k)`. Length K.
    pub fn responsibilities(&self, z: &[f64], level: NoiseLevel) -> Vec<f64> {
        let logs = self.log_joint(z, level);
        let total = log_sum_exp(&logs);
        logs.iter().map(|log| (log - total).exp()).collect()
    }

    /// Log density of z at `level`.
    pub fn log_density(&self, z: &[f64], level: NoiseLevel) -> f64 {
        log_sum_exp(&self.log_joint(z, level))
    }

    /// Best estimate of the data, `sum_k r_k (mu_k + alpha tau_k^2 / v_k (z - alpha mu_k))`.
    pub fn x0_hat(&self, z: &[f64], level: NoiseLevel) -> Vec<f64> {
        let responsibilities = self.responsibilities(z, level);
        let mut x0 = vec![0.0; z.len()];
        for (k, r) in responsibilities.iter().enumerate() {
            for (x0, m) in x0.iter_mut().zip(self.component_x0(k, z, level)) {
                *x0 += r * m;
            }
        }
        x0
    }

    /// Best estimate of the noise, `sigma z + alpha v_hat`.
    pub fn eps_hat(&self, z: &[f64], level: NoiseLevel) -> Vec<f64> {
        let v = self.v_hat(z, level);
        z.iter().zip(v).map(|(z, v)| level.sigma() * z + level.alpha() * v).collect()
    }

    /// Best estimate of the velocity, `sum_k r_k (alpha sigma (1 - tau_k^2) / v_k z - sigma / v_k
    /// mu_k)`.
    pub fn v_hat(&self, z: &[f64], level: NoiseLevel) -> Vec<f64> {
        let responsibilities = self.responsibilities(z, level);
        let mut v = vec![0.0; z.len()];
        for (k, r) in responsibilities.iter().enumerate() {
            let (on_z, on_mean) = self.velocity_line(k, level);
            for ((v, z), mean) in v.iter_mut().zip(z).zip(&self.means[k]) {
                *v += r * (on_z * z + on_mean * mean);
            }
        }
        v
    }

    /// `tr Cov(x0 | z) / d`: the remaining uncertainty about x0 given z.
    pub fn mean_posterior_var(&self, z: &[f64], level: NoiseLevel) -> f64 {
        let x0 = self.x0_hat(z, level);
        let d = z.len() as f64;
        let components = self.responsibilities(z, level).into_iter().enumerate();
        components
            .map(|(k, r)| {
                let within = self.tau2[k] * level.sigma().powi(2) / self.spread(k, level);
                let means = self.component_x0(k, z, level);
                let between: f64 = means.iter().zip(&x0).map(|(m, x)| (m - x).powi(2)).sum();
                r * (within + between / d)
            })
            .sum()
    }

    /// Variance of component k of z, in each dimension.
    fn spread(&self, k: usize, level: NoiseLevel) -> f64 {
        level.alpha().powi(2) * self.tau2[k] + level.sigma().powi(2)
    }

    /// `E[x0 | z, k]`.
    fn component_x0(&self, k: usize, z: &[f64], level: NoiseLevel) -> Vec<f64> {
        let gain = level.alpha() * self.tau2[k] / self.spread(k, level);
        let means = self.means[k].iter();
        z.iter().zip(means).map(|(z, mean)| mean + gain * (z - level.alpha() * mean)).collect()
    }

    /// `E[v | z, k] = a z + b mu_k`.
    fn velocity_line(&self, k: usize, level: NoiseLevel) -> (f64, f64) {
        let (alpha, sigma) = (level.alpha(), level.sigma());
        let spread = self.spread(k, level);
        (alpha * sigma * (1.0 - self.tau2[k]) / spread, -sigma / spread)
    }

    /// The part of `ln p(z, k)` that does not depend on z.
    fn log_scale(&self, k: usize, level: NoiseLevel) -> f64 {
        let d = self.means[k].len() as f64;
        self.log_weights[k] - d / 2.0 * (TAU * self.spread(k, level)).ln()
    }

    /// `ln p(z, k)` for every k.
    fn log_joint(&self, z: &[f64], level: NoiseLevel) -> Vec<f64> {
        (0..self.means.len())
            .map(|k| {
                let distance2: f64 = z
                    .iter()
                    .zip(&self.means[k])
                    .map(|(z, mean)| (z - level.alpha() * mean).powi(2))
                    .sum();
                self.log_scale(k, level) - distance2 / (2.0 * self.spread(k, level))
            })
            .collect()
    }

    /// A coefficient per level and component, `[n, K, 1]`.
    fn per_component(
        &self,
        levels: &[NoiseLevel],
        like: &Tensor<4>,
        of: impl Fn(usize, NoiseLevel) -> f64,
    ) -> Tensor<3> {
        let components = self.means.len();
        let values = levels
            .iter()
            .flat_map(|&level| (0..components).map(move |k| (k, level)))
            .map(|(k, level)| of(k, level))
            .collect();
        host_tensor(values, [levels.len(), components, 1], like)
    }
}

impl Denoiser for MixtureOracle {
    /// # Panics
    ///
    /// If `C H W` is not the number of dimensions.
    fn predict(&self, z: Tensor<4>, at: &[TimePoint]) -> Prediction {
        let levels: Vec<_> = at.iter().map(|point| point.level).collect();
        let (batch, d) = (z.dims()[0], self.means[0].len());
        let points = z.clone().reshape([batch, 1, d]);
        let means = host_tensor(self.means.concat(), [1, self.means.len(), d], &z);
        let per_component =
            |of: &dyn Fn(usize, NoiseLevel) -> f64| self.per_component(&levels, &z, of);

        let alpha = per_component(&|_, level| level.alpha());
        let offset = points.clone() - alpha * means.clone(); // [B, K, d]
        let distance2 = offset.powi_scalar(2).sum_dim(2); // [B, K, 1]
        let log_scale = per_component(&|k, level| self.log_scale(k, level));
        let precision = per_component(&|k, level| 0.5 / self.spread(k, level));
        let responsibility = softmax(log_scale - precision * distance2, 1); // [B, K, 1]

        let on_z = per_component(&|k, level| self.velocity_line(k, level).0);
        let on_mean = per_component(&|k, level| self.velocity_line(k, level).1);
        let by_component = on_z * points + on_mean * means; // [B, K, d]
        let v = (responsibility * by_component).sum_dim(1).reshape(z.dims());
        Prediction::new(PredictionType::VPrediction, v, z, &levels)
    }
}

fn log_sum_exp(logs: &[f64]) -> f64 {
    let max = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    max + logs.iter().map(|log| (log - max).exp()).sum::<f64>().ln()
}
