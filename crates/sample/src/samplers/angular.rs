//! DDIM as a rotation (Salimans & Ho 2022, <https://arxiv.org/abs/2202.00512>, appendix D).

use burn::tensor::Tensor;
use halfstep_core::angular_step;

use crate::error::SampleError;
use crate::sampler::{Sampler, Trajectory, walk};

/// `z_s = cos(delta) z_r - sin(delta) v`, `delta = phi_r - phi_s`: DDIM at eta 0 without a division
/// by alpha or sigma.
#[derive(Clone, Copy, Debug, Default)]
pub struct AngularDdim;

impl Sampler for AngularDdim {
    fn name(&self) -> &'static str {
        "angular"
    }

    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError> {
        walk(run, |prediction, z, jump, _| {
            angular_step(prediction.v(), z, &[jump.from], &[jump.to])
        })
    }
}
