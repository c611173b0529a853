//! DDIM (Song et al. 2021, <https://arxiv.org/abs/2010.02502>, equation 12).

use burn::tensor::Tensor;
use halfstep_core::{NoiseLevel, X0Clip, ddim_step};

use crate::error::SampleError;
use crate::methods::options::clipped;
use crate::registry::{GridRule, SamplerEntry, Takes};
use crate::sampler::{Family, Sampler, Trajectory, walk};

/// For the command line.
pub static ENTRY: SamplerEntry = SamplerEntry {
    name: "ddim",
    about: "DDIM (Song et al. 2021), deterministic at --eta 0",
    order: Some(1),
    takes: &[Takes::Eta, Takes::Diffusers],
    grid: GridRule::Any,
    build: |options| {
        Ok(Box::new(Ddim {
            eta: options.eta,
            clip: options.clip,
            targets: options.diffusers.as_ref().map(|compat| compat.ddim_targets.clone()),
        }))
    },
};

/// `z_s = alpha_s x0 + sqrt(sigma_s^2 - eta^2 btilde) eps + eta sqrt(btilde) noise`
#[derive(Clone, Debug, Default)]
pub struct Ddim {
    /// 0 is deterministic, 1 has DDPM's variance.
    pub eta: f64,
    /// Keep x0 in range; eps stays what it was, as in diffusers.
    pub clip: Option<X0Clip>,
    /// Where each step goes, if not to the next point of the grid: see
    /// [`crate::DiffusersCompat`].
    pub targets: Option<Vec<NoiseLevel>>,
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
            let to = match &self.targets {
                Some(targets) => targets[jump.index],
                None => jump.to.level,
            };
            let fresh = (self.eta > 0.0).then(|| (run.noise)(jump));
            Ok(ddim_step(&prediction, &[jump.from.level], &[to], self.eta, fresh))
        })
    }
}
