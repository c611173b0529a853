//! Heun's method (Karras et al. 2022, <https://arxiv.org/abs/2206.00364>, algorithm 1): two network
//! calls a step, one in the last.

use burn::tensor::Tensor;

use crate::error::SampleError;
use crate::ode::{RungeKutta, Tableau};
use crate::registry::{GridRule, SamplerEntry, Takes};
use crate::sampler::{Sampler, Trajectory};

/// For the command line.
pub static ENTRY: SamplerEntry = SamplerEntry {
    name: "heun",
    about: "Heun's method on the probability-flow ODE (Karras et al. 2022): two calls a step",
    order: Some(2),
    takes: &[Takes::OdeVariable],
    grid: GridRule::Any,
    build: |options| Ok(Box::new(Heun(RungeKutta::new(&TABLEAU, options)))),
};

static TABLEAU: Tableau = Tableau { stages: &[&[1.0]], weights: &[0.5, 0.5] };

/// In any variable of [`crate::OdeVariable`].
#[derive(Clone, Copy, Debug)]
pub struct Heun(RungeKutta);

impl Sampler for Heun {
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
