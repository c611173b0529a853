//! DDIM as a rotation (Salimans & Ho 2022, <https://arxiv.org/abs/2202.00512>, appendix D).

use burn::tensor::Tensor;
use halfstep_core::angular_step;

use crate::error::SampleError;
use crate::sampler::{Sampler, Trajectory, clipped, walk};

/// `z_s = cos(delta) z_r - sin(delta) v`, `delta = phi_r - phi_s`: DDIM at eta 0 without a division
/// by alpha or sigma.
#[derive(Clone, Copy, Debug, Default)]
pub struct AngularDdim {
    /// Clip the predicted x0 to `[-bound, bound]`.
    pub clip: Option<f64>,
}

impl Sampler for AngularDdim {
    fn name(&self) -> &'static str {
        "angular"
    }

    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError> {
        walk(run, |prediction, z, jump, _| {
            let prediction = clipped(prediction, self.clip);
            // What is rotated must be made of the same x0 and eps as v; without clipping it is z.
            let z = match self.clip {
                None => z,
                Some(_) => {
                    prediction.x0() * jump.from.alpha() + prediction.eps() * jump.from.sigma()
                }
            };
            angular_step(prediction.v(), z, &[jump.from], &[jump.to])
        })
    }
}
