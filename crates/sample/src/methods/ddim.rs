//! DDIM (Song et al. 2021, <https://arxiv.org/abs/2010.02502>, equation 12).

use burn::tensor::Tensor;
use halfstep_core::{X0Clip, ddim_step};

use super::clip::clipped;
use super::entry::{SamplerEntry, SamplerOption};
use crate::error::SampleError;
use crate::sampler::{Family, GridRule, Sampler, Trajectory, walk};

/// Its place in the list of samplers.
pub static ENTRY: SamplerEntry = SamplerEntry {
    name: "ddim",
    about: "DDIM (Song et al. 2021), deterministic at eta 0",
    order: Some(1),
    takes: &[SamplerOption::Eta],
    grid: GridRule::Any,
    build: |options| Ok(Box::new(Ddim { eta: options.eta, clip: options.clip })),
};

/// `z_s = alpha_s x0 + sqrt(sigma_s^2 - eta^2 btilde) eps + eta sqrt(btilde) noise`
#[derive(Clone, Copy, Debug, Default)]
pub struct Ddim {
    /// 0 is deterministic, 1 has DDPM's variance.
    pub eta: f64,
    /// Keep x0 in range; eps stays what it was, as in diffusers.
    pub clip: Option<X0Clip>,
}

impl Ddim {
    /// Deterministic (eta 0), without clipping.
    pub const fn new() -> Self {
        Self { eta: 0.0, clip: None }
    }

    /// With noise: `eta` 1 has DDPM's variance.
    pub const fn with_eta(eta: f64) -> Self {
        Self { eta, clip: None }
    }
}

impl Sampler for Ddim {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn family(&self) -> Family {
        if self.eta > 0.0 { Family::Sde } else { Family::Ode }
    }

    fn is_ddim(&self) -> bool {
        self.eta == 0.0
    }

    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError> {
        walk(run, |run, z, jump| {
            let prediction = clipped(run.predict(z, jump.from)?, self.clip);
            let (from, to) = ([jump.from.level], [jump.to.level]);
            let fresh = (self.eta > 0.0).then(|| (run.noise)(jump));
            Ok((ddim_step(&prediction, &from, &to, self.eta, fresh), prediction))
        })
    }
}
