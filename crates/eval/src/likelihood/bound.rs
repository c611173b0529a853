//! The variational bound of DDPM's steps with optimal variances.

use std::ops::ControlFlow;

use burn::tensor::Tensor;
use halfstep_core::{Denoiser, TimePoint, analytic_variance, posterior};

use super::decoder::Decoder;
use super::image_sums;
use crate::error::EvalError;

/// The errors of a model's predictions for noisy images along a grid of times. The negative variational bound of
/// DDPM's steps over that grid (Ho et al. 2020, <https://arxiv.org/abs/2006.11239>, equation 5) depends on the model
/// through them alone, whatever the variances of the steps.
pub struct DenoisingErrors<'a> {
    grid: &'a [TimePoint],
    x0: Tensor<4>,
    /// `|x0|^2` per image.
    squares: Vec<f64>,
    /// `|x0 - x0_hat|^2` per time and image.
    errors: Vec<Vec<f64>>,
    /// The prediction at the last time.
    x0_hat: Tensor<4>,
}

/// The parts of the bound of one image, in nats.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundParts {
    /// KL divergence of the noisiest state from pure noise; 0 if the schedule ends in pure noise.
    pub prior: f64,
    /// KL divergences of all steps between noisy states.
    pub steps: f64,
    /// Negative log likelihood of the last step, to the image.
    pub decoder: f64,
}

impl BoundParts {
    /// The whole bound: the sum of the parts.
    pub fn total(&self) -> f64 {
        self.prior + self.steps + self.decoder
    }
}

impl<'a> DenoisingErrors<'a> {
    /// Measures the errors for the images `x0` `[B, C, H, W]`, one network call per time. `grid` begins with the
    /// noisiest time and leaves out the clean image. `noise` returns `[B, C, H, W]` for each index of the grid.
    ///
    /// The bound is lowest on all times of the schedule; for fewer, on the grid of
    /// [`halfstep_core::optimal_trajectory`].
    ///
    /// `on_step` is called with the number of finished times. A break stops the measurement, even after the last.
    ///
    /// # Errors
    /// [`EvalError::NotFinite`] if the model predicts NaN; [`EvalError::Device`]; [`EvalError::Stopped`].
    ///
    /// # Panics
    /// If the grid is empty.
    pub fn measure(
        grid: &'a [TimePoint],
        denoiser: &dyn Denoiser,
        x0: Tensor<4>,
        noise: &mut dyn FnMut(usize) -> Tensor<4>,
        on_step: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Self, EvalError> {
        assert!(!grid.is_empty(), "at least one time");
        let squares = image_sums(x0.clone().square())?;
        let (mut errors, mut last) = (Vec::with_capacity(grid.len()), x0.clone());
        for (index, &at) in grid.iter().enumerate() {
            let z = x0.clone() * at.level.alpha() + noise(index) * at.level.sigma();
            last = denoiser.predict(z, &[at]).x0();
            errors.push(image_sums((x0.clone() - last.clone()).square())?);
            if on_step(index + 1).is_break() {
                return Err(EvalError::Stopped);
            }
        }
        Ok(Self { grid, x0, squares, errors, x0_hat: last })
    }

    /// `|x0 - x0_hat|^2 / d` of each image at each time of the grid, image by image.
    ///
    /// Their mean over other images is the best `data_variance` for this network: the optimal variance of an
    /// imperfect mean (Bao et al. 2022, <https://arxiv.org/abs/2206.07309>). Analytic-DPM's V assumes a network
    /// without errors and is too small for any other.
    pub fn mean_squares(&self) -> Vec<f64> {
        let dim = self.dim();
        let images = 0..self.squares.len();
        images.flat_map(|k| self.errors.iter().map(move |of_images| of_images[k] / dim)).collect()
    }

    /// The bound of each image with Analytic-DPM's variances (Bao et al. 2022,
    /// <https://arxiv.org/abs/2201.06503>): an unbiased estimate, the same for the same noises.
    ///
    /// `data_variance` is the mean variance V of x0 given z at each time of the grid. If it is not positive at the
    /// last time, its largest possible value is used there, sigma^2 / alpha^2.
    ///
    /// # Errors
    /// [`EvalError::NotFinite`] if the last prediction is not finite; [`EvalError::Device`].
    ///
    /// # Panics
    /// Unless there is one variance per time.
    pub fn bound(
        &self,
        data_variance: &[f64],
        decoder: Decoder,
    ) -> Result<Vec<BoundParts>, EvalError> {
        assert_eq!(data_variance.len(), self.grid.len(), "one variance per time");
        let last = self.grid.len() - 1;
        let most = self.grid[last].level.karras_sigma().powi(2);
        let variance = data_variance[last].min(most);
        let variance = if variance > 0.0 { variance } else { most };
        let decoded = decoder.nats(self.x0.clone(), self.x0_hat.clone(), variance)?;
        let half_range = decoder.half_range();
        let parts = |(image, decoder): (usize, f64)| BoundParts {
            prior: self.prior(self.squares[image]),
            steps: (0..last).map(|k| self.step(k, image, data_variance[k], half_range)).sum(),
            decoder,
        };
        Ok(decoded.into_iter().enumerate().map(parts).collect())
    }

    /// KL divergence of `q(z_T | x0)` from pure noise, with `|x0|^2 = square`.
    fn prior(&self, square: f64) -> f64 {
        let level = self.grid[0].level;
        let variance = level.sigma().powi(2);
        0.5 * (level.alpha_bar() * square + self.dim() * (variance - 1.0 - variance.ln()))
    }

    /// KL divergence of `q(z_s | z_r, x0)` from the model's step from time k of the grid to the next.
    fn step(&self, k: usize, image: usize, data_variance: f64, half_range: f64) -> f64 {
        let (from, to) = (self.grid[k].level, self.grid[k + 1].level);
        let jump = posterior(from, to);
        let variance = analytic_variance(from, to, 1.0, data_variance, half_range).value;
        let (ratio, error) = (jump.variance / variance, self.errors[k][image]);
        0.5 * (self.dim() * (ratio - 1.0 - ratio.ln()) + jump.x0_coef.powi(2) * error / variance)
    }

    fn dim(&self) -> f64 {
        let [_, channels, height, width] = self.x0.dims();
        (channels * height * width) as f64
    }
}
