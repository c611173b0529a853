//! Ancestral sampling (Ho et al. 2020, <https://arxiv.org/abs/2006.11239>, algorithm 2).

use burn::tensor::Tensor;
use halfstep_core::{AncestralVariance, ancestral_step};

use crate::error::SampleError;
use crate::sampler::{Sampler, Trajectory, clipped, walk};

/// Draws from the posterior `q(z_s | z_r, x0)` at the predicted x0, over any grid.
#[derive(Clone, Copy, Debug)]
pub struct Ancestral {
    /// The posterior's own variance, or the larger one of the forward jump.
    pub variance: AncestralVariance,
    /// Clip the predicted x0 to `[-bound, bound]`.
    pub clip: Option<f64>,
}

impl Sampler for Ancestral {
    fn name(&self) -> &'static str {
        "ddpm"
    }

    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError> {
        walk(run, |prediction, _, jump, noise| {
            let prediction = clipped(prediction, self.clip);
            ancestral_step(&prediction, &[jump.from], &[jump.to], self.variance, noise(jump.index))
        })
    }
}
