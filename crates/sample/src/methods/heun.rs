//! Heun's method (Karras et al. 2022, <https://arxiv.org/abs/2206.00364>, algorithm 1): two network
//! calls a step, one in the last.

use super::entry::{SamplerEntry, SamplerOption};
use super::runge_kutta::{RungeKutta, Tableau, TableauMethod};
use crate::sampler::GridRule;

/// Its place in the list of samplers.
pub static ENTRY: SamplerEntry = SamplerEntry {
    name: HeunTableau::NAME,
    about: "Heun's method on the probability-flow ODE (Karras et al. 2022): two calls a step",
    order: Some(2),
    takes: &[SamplerOption::OdeVariable],
    grid: GridRule::Any,
    build: |options| Ok(Box::new(Heun::new().with_options(options))),
};

/// Heun's method: two network calls a step.
pub type Heun = RungeKutta<HeunTableau>;

/// The coefficients of [`Heun`].
#[derive(Clone, Copy, Debug)]
pub struct HeunTableau;

impl TableauMethod for HeunTableau {
    const NAME: &'static str = "heun";
    const TABLEAU: Tableau = Tableau { stages: &[&[1.0]], weights: &[0.5, 0.5] };
}
