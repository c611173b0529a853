//! The variational bound of a walk with optimal variances.

use burn::tensor::Tensor;
use halfstep_core::{Denoiser, TimePoint, analytic_variance, posterior};

use super::decoder::Decoder;
use super::image_sums;
use crate::error::EvalError;

/// The negative variational bound (Ho et al. 2020, <https://arxiv.org/abs/2006.11239>, equation 5) of
/// DDPM's walk over a grid of any times, whose steps have Analytic-DPM's variances (Bao et al. 2022,
/// <https://arxiv.org/abs/2201.06503>): what encoding an image with the model takes at most.
///
/// It is lowest on the grid of [`halfstep_core::optimal_trajectory`], and with all times of the schedule.
pub struct VariationalBound<'a> {
    /// Times, noisiest first, without the clean image.
    pub grid: &'a [TimePoint],
    /// The mean variance V of x0 given z at a time: `GammaTable::posterior_data_variance`. Where it is not
    /// above 0 for the last time, sigma^2 / alpha^2 is taken there, the most that it can be.
    pub data_variance: &'a dyn Fn(TimePoint) -> f64,
    /// What images are.
    pub decoder: Decoder,
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

impl VariationalBound<'_> {
    /// Of each image of `x0` `[B, C, H, W]`, estimated with one `noise` `[B, C, H, W]` for each time of
    /// the grid: unbiased, and the same for the same noises.
    ///
    /// # Errors
    /// [`EvalError::NotFinite`] if the model predicts NaN; [`EvalError::Device`].
    ///
    /// # Panics
    /// If the grid is empty, or its times do not fall.
    pub fn of(
        &self,
        denoiser: &dyn Denoiser,
        x0: Tensor<4>,
        noise: &mut dyn FnMut(usize) -> Tensor<4>,
    ) -> Result<Vec<BoundParts>, EvalError> {
        let [images, channels, height, width] = x0.dims();
        let dim = (channels * height * width) as f64;
        let squares = image_sums(x0.clone().square())?;
        let mut parts: Vec<BoundParts> = squares
            .iter()
            .map(|square| self.prior(*square, dim))
            .map(|prior| BoundParts { prior, steps: 0.0, decoder: 0.0 })
            .collect();
        for (index, &from) in self.grid.iter().enumerate() {
            let (alpha, sigma) = (from.level.alpha(), from.level.sigma());
            let z = x0.clone() * alpha + noise(index) * sigma;
            let x0_hat = denoiser.predict(z, &[from]).x0();
            match self.grid.get(index + 1) {
                Some(&to) => {
                    let errors = image_sums((x0.clone() - x0_hat).square())?;
                    for (parts, error) in parts.iter_mut().zip(errors) {
                        parts.steps += self.step(from, to, error, dim);
                    }
                }
                None => {
                    let variance = self.last_variance(from);
                    let nats = self.decoder.nats(x0.clone(), x0_hat, variance)?;
                    parts.iter_mut().zip(nats).for_each(|(parts, nats)| parts.decoder = nats);
                }
            }
        }
        debug_assert_eq!(parts.len(), images);
        Ok(parts)
    }

    /// KL divergence of `q(z_T | x0)` from pure noise, `|x0|^2 = square`.
    fn prior(&self, square: f64, dim: f64) -> f64 {
        let level = self.grid[0].level;
        let variance = level.sigma().powi(2);
        0.5 * (level.alpha_bar() * square + dim * (variance - 1.0 - variance.ln()))
    }

    /// KL divergence of `q(z_s | z_r, x0)` from the model's step, for `|x0 - x0_hat|^2 = error`.
    fn step(&self, from: TimePoint, to: TimePoint, error: f64, dim: f64) -> f64 {
        let jump = posterior(from.level, to.level);
        let variance = analytic_variance(
            from.level,
            to.level,
            1.0,
            (self.data_variance)(from),
            self.decoder.half_range(),
        );
        let ratio = jump.variance / variance.value;
        0.5 * (dim * (ratio - 1.0 - ratio.ln()) + jump.x0_coef.powi(2) * error / variance.value)
    }

    fn last_variance(&self, last: TimePoint) -> f64 {
        let most = last.level.karras_sigma().powi(2);
        let variance = (self.data_variance)(last).min(most);
        if variance > 0.0 { variance } else { most }
    }
}

/// `E|x0 - x0_hat|^2 / d` at each time of a grid, over the images `x0` `[B, C, H, W]` with one noise each.
///
/// As `data_variance` it is the best that a network of any quality can be given: Analytic-DPM's V is that
/// of a network without errors, and too small for one that has some (Bao et al. 2022,
/// <https://arxiv.org/abs/2206.07309>, where it is the optimal variance of an imperfect mean).
///
/// # Errors
/// [`EvalError::NotFinite`] if the model predicts NaN; [`EvalError::Device`].
pub fn mean_squared_errors(
    grid: &[TimePoint],
    denoiser: &dyn Denoiser,
    x0: Tensor<4>,
    noise: &mut dyn FnMut(usize) -> Tensor<4>,
) -> Result<Vec<f64>, EvalError> {
    let values = x0.dims().iter().product::<usize>() as f64;
    let error = |(index, &at): (usize, &TimePoint)| {
        let z = x0.clone() * at.level.alpha() + noise(index) * at.level.sigma();
        let x0_hat = denoiser.predict(z, &[at]).x0();
        let sums = image_sums((x0.clone() - x0_hat).square())?;
        Ok(sums.iter().sum::<f64>() / values)
    };
    grid.iter().enumerate().map(error).collect()
}
