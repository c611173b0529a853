//! Euler's method (Karras et al. 2022, <https://arxiv.org/abs/2206.00364>, algorithm 1 without its
//! second half): one network call a step.

use burn::tensor::Tensor;

use crate::error::SampleError;
use crate::ode::{RungeKutta, Tableau};
use crate::registry::{GridRule, SamplerEntry, Takes};
use crate::sampler::{Sampler, Trajectory};

/// For the command line.
pub static ENTRY: SamplerEntry = SamplerEntry {
    name: "euler",
    about: "Euler's method on the probability-flow ODE; in sigma / alpha it is DDIM",
    order: Some(1),
    takes: &[Takes::OdeVariable],
    grid: GridRule::Any,
    build: |options| Ok(Box::new(Euler(RungeKutta::new(&TABLEAU, options)))),
};

static TABLEAU: Tableau = Tableau { stages: &[], weights: &[1.0] };

/// In any variable of [`crate::OdeVariable`].
#[derive(Clone, Copy, Debug)]
pub struct Euler(RungeKutta);

impl Sampler for Euler {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn calls(&self, num_steps: usize) -> Option<usize> {
        Some(self.0.calls(num_steps))
    }

    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError> {
        self.0.sample(run)
    }
}
