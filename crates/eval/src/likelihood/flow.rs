//! The density of the probability-flow ODE.

use std::f64::consts::PI;
use std::ops::ControlFlow;

use burn::tensor::Tensor;
use halfstep_core::{Denoiser, NoiseLevel, TimePoint};

use super::image_sums;
use crate::error::EvalError;

/// The density that the probability-flow ODE gives to images (Song et al. 2021,
/// <https://arxiv.org/abs/2011.13456>, appendix D.2), with Hutchinson's estimate of the trace (Grathwohl et al. 2019,
/// <https://arxiv.org/abs/1810.01367>).
///
/// With `tau = ln tan(phi / 2)` the ODE is `dz = sigma v dtau`. It is finite up to pure noise (tau = 0), and equal
/// steps of tau are equal steps of the logarithmic noise level near the clean image. It is solved by the classical
/// fourth-order Runge-Kutta method in equal steps of tau. Each step estimates the trace of the Jacobian four times,
/// which takes one forward and one backward pass of the network each.
pub struct ProbabilityFlow<'a> {
    /// Start: the least noisy level that the model knows.
    pub from: NoiseLevel,
    /// End: the noisiest level. The density of the state there is that of pure noise.
    pub to: NoiseLevel,
    /// The time point of a level, for the network: `DiscreteSchedule::point_at`.
    pub locate: &'a dyn Fn(NoiseLevel) -> TimePoint,
    /// Runge-Kutta steps.
    pub num_steps: usize,
}

impl ProbabilityFlow<'_> {
    /// `ln p(z)` in nats for each image of z `[B, C, H, W]` at level `from`. `probes` has the same shape and random
    /// entries of -1 and 1. The estimate is unbiased, and exact for a diagonal Jacobian.
    ///
    /// Both tensors and the model must be on a device with autodiff. `on_step` is called with the number of finished
    /// steps; a break stops the work.
    ///
    /// # Errors
    /// [`EvalError::NotFinite`] if the state diverges; [`EvalError::Device`]; [`EvalError::Stopped`].
    pub fn log_density(
        &self,
        denoiser: &dyn Denoiser,
        z: Tensor<4>,
        probes: Tensor<4>,
        on_step: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<f64>, EvalError> {
        let [_, channels, height, width] = z.dims();
        let (first, last) = (position(self.from), position(self.to));
        let h = (last - first) / self.num_steps as f64;
        let (mut z, mut trace) = (z.detach(), vec![0.0; probes.dims()[0]]);
        for step in 0..self.num_steps {
            let start = first + h * step as f64;
            let slope = |z: Tensor<4>, part: f64| {
                let level = if step + 1 == self.num_steps && part == 1.0 {
                    self.to // exactly, without rounding
                } else if step == 0 && part == 0.0 {
                    self.from
                } else {
                    level(start + part * h)
                };
                self.slope(denoiser, z, (self.locate)(level), &probes)
            };
            let (k1, t1) = slope(z.clone(), 0.0)?;
            let (k2, t2) = slope(z.clone() + k1.clone() * (0.5 * h), 0.5)?;
            let (k3, t3) = slope(z.clone() + k2.clone() * (0.5 * h), 0.5)?;
            let (k4, t4) = slope(z.clone() + k3.clone() * h, 1.0)?;
            z = z + (k1 + (k2 + k3) * 2.0 + k4) * (h / 6.0);
            for (k, trace) in trace.iter_mut().enumerate() {
                *trace += h / 6.0 * (t1[k] + 2.0 * (t2[k] + t3[k]) + t4[k]);
            }
            if on_step(step + 1).is_break() {
                return Err(EvalError::Stopped);
            }
        }
        let dim = (channels * height * width) as f64;
        let squares = image_sums(z.square())?;
        let prior = squares.iter().map(|square| -0.5 * (square + dim * (2.0 * PI).ln()));
        Ok(prior.zip(trace).map(|(prior, trace)| prior + trace).collect())
    }

    /// `sigma v`, and the estimate of the trace of its Jacobian for each image.
    fn slope(
        &self,
        denoiser: &dyn Denoiser,
        z: Tensor<4>,
        at: TimePoint,
        probes: &Tensor<4>,
    ) -> Result<(Tensor<4>, Vec<f64>), EvalError> {
        let z = z.detach().require_grad();
        let slope = denoiser.predict(z.clone(), &[at]).v() * at.level.sigma();
        // Images do not affect each other: the gradient of the sum holds each image's own.
        let gradients = (slope.clone() * probes.clone()).sum().backward();
        let Some(gradient) = z.grad(&gradients) else {
            return Err(EvalError::Device("the model's predictions have no gradient".to_owned()));
        };
        let traces = image_sums(gradient * probes.clone().inner())?;
        Ok((slope.detach(), traces))
    }
}

/// `tau = ln tan(phi / 2)`.
fn position(level: NoiseLevel) -> f64 {
    (0.5 * level.phi()).tan().ln()
}

fn level(position: f64) -> NoiseLevel {
    NoiseLevel::from_phi(2.0 * position.exp().atan())
}
