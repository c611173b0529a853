//! The variational bound of a walk with optimal variances.

use std::ops::ControlFlow;

use burn::tensor::Tensor;
use halfstep_core::{Denoiser, TimePoint, analytic_variance, posterior};

use super::decoder::Decoder;
use super::image_sums;
use crate::error::EvalError;

/// What a model makes of noisy images along a grid of any times: all that the negative variational bound
/// (Ho et al. 2020, <https://arxiv.org/abs/2006.11239>, equation 5) of DDPM's walk over it depends on,
/// whatever the variances of its steps.
pub struct Walk<'a> {
    grid: &'a [TimePoint],
    x0: Tensor<4>,
    /// `|x0|^2` of each image.
    squares: Vec<f64>,
    /// `|x0 - x0_hat|^2` at each time, of each image.
    errors: Vec<Vec<f64>>,
    /// At the last time.
    x0_hat: Tensor<4>,
}

/// The parts of a bound, nats an image.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundParts {
    /// That the noisiest state is not pure noise; 0 if the schedule ends in it.
    pub prior: f64,
    /// Of all steps between two noisy states.
    pub steps: f64,
    /// Of the step to the image.
    pub decoder: f64,
}

impl BoundParts {
    /// The bound.
    pub fn total(&self) -> f64 {
        self.prior + self.steps + self.decoder
    }
}

impl<'a> Walk<'a> {
    /// Of the images `x0` `[B, C, H, W]`, with one `noise` `[B, C, H, W]` for each time of `grid`: noisiest
    /// first, without the clean image. The bound is lowest on the grid of
    /// [`halfstep_core::optimal_trajectory`], and with all times of the schedule.
    ///
    /// # Errors
    /// [`EvalError::NotFinite`] if the model predicts NaN; [`EvalError::Device`]; [`EvalError::Stopped`] if
    /// `on_step`, told how many times are done, breaks, even after the last.
    ///
    /// # Panics
    /// If the grid is empty.
    pub fn of(
        grid: &'a [TimePoint],
        denoiser: &dyn Denoiser,
        x0: Tensor<4>,
        noise: &mut dyn FnMut(usize) -> Tensor<4>,
        on_step: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Self, EvalError> {
        assert!(!grid.is_empty(), "a walk takes at least one step");
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
    /// Their mean over other images is the best `data_variance` that a network of any quality can be given:
    /// Analytic-DPM's V is that of a network without errors, and too small for one that has some (Bao et
    /// al. 2022, <https://arxiv.org/abs/2206.07309>, where it is the optimal variance of an imperfect mean).
    pub fn squared_errors(&self) -> Vec<f64> {
        let dim = self.dim();
        let images = 0..self.squares.len();
        images.flat_map(|k| self.errors.iter().map(move |of_images| of_images[k] / dim)).collect()
    }

    /// The bound of each image, with variances as of Analytic-DPM (Bao et al. 2022,
    /// <https://arxiv.org/abs/2201.06503>): an unbiased estimate, the same for the same noises.
    ///
    /// `data_variance` is the mean variance V of x0 given z at each time of the grid. Where it is not above
    /// 0 for the last time, sigma^2 / alpha^2 is taken there, the most that it can be.
    ///
    /// # Errors
    /// [`EvalError::NotFinite`] if the last prediction is; [`EvalError::Device`].
    ///
    /// # Panics
    /// Unless there is one variance a time.
    pub fn bound(
        &self,
        data_variance: &[f64],
        decoder: Decoder,
    ) -> Result<Vec<BoundParts>, EvalError> {
        assert_eq!(data_variance.len(), self.grid.len(), "a variance a time");
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

    /// KL divergence of `q(z_T | x0)` from pure noise, `|x0|^2 = square`.
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
