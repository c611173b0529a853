//! DDIM (Song et al. 2021, <https://arxiv.org/abs/2010.02502>, equation 12).

use burn::tensor::Tensor;
use halfstep_core::ddim_step;

use crate::error::SampleError;
use crate::sampler::{Sampler, Trajectory, clipped, walk};

/// `z_s = alpha_s x0 + sqrt(sigma_s^2 - eta^2 btilde) eps + eta sqrt(btilde) noise`
#[derive(Clone, Copy, Debug, Default)]
pub struct Ddim {
    /// 0 is deterministic, 1 has DDPM's variance.
    pub eta: f64,
    /// Clip the predicted x0 to `[-bound, bound]`.
    pub clip: Option<f64>,
}

impl Sampler for Ddim {
    fn name(&self) -> &'static str {
        "ddim"
    }

    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError> {
        walk(run, |prediction, _, jump, noise| {
            let fresh = (self.eta > 0.0).then(|| noise(jump.index));
            ddim_step(&clipped(prediction, self.clip), &[jump.from], &[jump.to], self.eta, fresh)
        })
    }
}
