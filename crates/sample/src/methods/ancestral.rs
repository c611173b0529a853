//! Ancestral sampling (Ho et al. 2020, <https://arxiv.org/abs/2006.11239>, algorithm 2).

use burn::tensor::Tensor;
use halfstep_core::{AncestralVariance, X0Clip, ancestral_step};

use super::clip::clipped;
use super::entry::{SamplerEntry, SamplerOption};
use crate::error::SampleError;
use crate::sampler::{Family, GridRule, Sampler, Trajectory, walk};

/// Its place in the list of samplers.
pub static ENTRY: SamplerEntry = SamplerEntry {
    name: "ddpm",
    about: "Ancestral DDPM (Ho et al. 2020)",
    order: None,
    takes: &[SamplerOption::Variance],
    grid: GridRule::Any,
    build: |options| Ok(Box::new(Ancestral { variance: options.variance, clip: options.clip })),
};

/// Draws from the posterior `q(z_s | z_r, x0)` at the predicted x0, over any grid.
#[derive(Clone, Copy, Debug)]
pub struct Ancestral {
    /// The posterior's own variance, or the larger one of the forward jump.
    pub variance: AncestralVariance,
    /// Keep x0 in range.
    pub clip: Option<X0Clip>,
}

impl Ancestral {
    /// With the posterior's own variance (diffusers' `fixed_small`), without clipping.
    pub const fn new() -> Self {
        Self { variance: AncestralVariance::FixedSmall, clip: None }
    }
}

impl Default for Ancestral {
    fn default() -> Self {
        Self::new()
    }
}

impl Sampler for Ancestral {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn family(&self) -> Family {
        Family::Sde
    }

    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError> {
        walk(run, |run, z, jump| {
            let prediction = clipped(run.predict(z, jump.from)?, self.clip);
            let (from, to) = ([jump.from.level], [jump.to.level]);
            let noise = (run.noise)(jump);
            Ok((ancestral_step(&prediction, &from, &to, self.variance, noise), prediction))
        })
    }
}
