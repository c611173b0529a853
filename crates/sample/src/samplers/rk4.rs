//! The classical Runge-Kutta method of order 4: four network calls a step, one in the last.

use burn::tensor::Tensor;

use crate::error::SampleError;
use crate::ode::{RungeKutta, Tableau};
use crate::registry::{GridRule, SamplerEntry, Takes};
use crate::sampler::{Sampler, Trajectory};

/// For the command line.
pub static ENTRY: SamplerEntry = SamplerEntry {
    name: "rk4",
    about: "The classical Runge-Kutta method on the probability-flow ODE: four calls a step",
    order: Some(4),
    takes: &[Takes::OdeVariable],
    grid: GridRule::Any,
    build: |options| Ok(Box::new(Rk4(RungeKutta::new(&TABLEAU, options)))),
};

static TABLEAU: Tableau = Tableau {
    stages: &[&[0.5], &[0.0, 0.5], &[0.0, 0.0, 1.0]],
    weights: &[1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0],
};

/// In any variable of [`crate::OdeVariable`].
#[derive(Clone, Copy, Debug)]
pub struct Rk4(RungeKutta);

impl Sampler for Rk4 {
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
