//! DDIM as a rotation (Salimans & Ho 2022, <https://arxiv.org/abs/2202.00512>, appendix D).

use burn::tensor::Tensor;
use halfstep_core::{X0Clip, add_noise, angular_step};

use super::clip::clipped;
use super::entry::SamplerEntry;
use crate::error::SampleError;
use crate::sampler::{GridRule, Sampler, Trajectory, walk};

/// Its place in the list of samplers.
pub static ENTRY: SamplerEntry = SamplerEntry {
    name: "angular",
    about: "DDIM as a rotation by an angle, from v (Salimans & Ho 2022)",
    order: Some(1),
    takes: &[],
    grid: GridRule::Any,
    build: |options| Ok(Box::new(AngularDdim { clip: options.clip })),
};

/// `z_s = cos(delta) z_r - sin(delta) v`, `delta = phi_r - phi_s`: DDIM at eta 0 without a division
/// by alpha or sigma.
#[derive(Clone, Copy, Debug, Default)]
pub struct AngularDdim {
    /// Keep x0 in range; eps stays what it was, as in DDIM.
    pub clip: Option<X0Clip>,
}

impl AngularDdim {
    /// Without clipping.
    pub const fn new() -> Self {
        Self { clip: None }
    }
}

impl Sampler for AngularDdim {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn is_ddim(&self) -> bool {
        true
    }

    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError> {
        walk(run, |run, z, jump| {
            let (from, to) = ([jump.from.level], [jump.to.level]);
            let prediction = clipped(run.predict(z.clone(), jump.from)?, self.clip);
            // z must be made of the same x0 and eps as v; without clipping it is.
            let z = match self.clip {
                None => z,
                Some(_) => add_noise(prediction.x0(), prediction.eps(), &from),
            };
            Ok((angular_step(prediction.v(), z, &from, &to), prediction))
        })
    }
}
