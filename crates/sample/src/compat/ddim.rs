//! diffusers' DDIM.

use burn::tensor::Tensor;
use halfstep_core::{NoiseLevel, ddim_step};

use crate::error::SampleError;
use crate::methods::clip::clipped;
use crate::methods::ddim::Ddim;
use crate::sampler::{Family, Sampler, Trajectory, walk};

/// DDIM whose steps go from each time t to `t - T // N`, whatever is listed next.
#[derive(Clone, Debug)]
pub struct DiffusersDdim {
    /// The method, but for where its steps go.
    pub ddim: Ddim,
    /// Where each step goes: [`diffusers_ddim_targets`](super::diffusers_ddim_targets).
    pub targets: Vec<NoiseLevel>,
}

impl Sampler for DiffusersDdim {
    fn name(&self) -> &'static str {
        self.ddim.name()
    }

    fn family(&self) -> Family {
        self.ddim.family()
    }

    fn is_ddim(&self) -> bool {
        self.ddim.is_ddim()
    }

    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError> {
        let Ddim { eta, clip } = self.ddim;
        walk(run, |run, z, jump| {
            let prediction = clipped(run.predict(z, jump.from)?, clip);
            let (from, to) = ([jump.from.level], [self.targets[jump.index]]);
            let fresh = (eta > 0.0).then(|| (run.noise)(jump));
            Ok((ddim_step(&prediction, &from, &to, eta, fresh), prediction))
        })
    }
}
