//! Euler's method (Karras et al. 2022, <https://arxiv.org/abs/2206.00364>, algorithm 1 without its
//! second half): one network call a step.

use super::entry::{SamplerEntry, SamplerOption};
use super::runge_kutta::{RungeKutta, Tableau, TableauMethod};
use crate::sampler::GridRule;

/// Its place in the list of samplers.
pub static ENTRY: SamplerEntry = SamplerEntry {
    name: EulerTableau::NAME,
    about: "Euler's method on the probability-flow ODE; in sigma / alpha it is DDIM",
    order: Some(1),
    takes: &[SamplerOption::OdeVariable],
    grid: GridRule::Any,
    build: |options| Ok(Box::new(Euler::new().with_options(options))),
};

/// Euler's method: one network call a step.
pub type Euler = RungeKutta<EulerTableau>;

/// The coefficients of [`Euler`].
#[derive(Clone, Copy, Debug)]
pub struct EulerTableau;

impl TableauMethod for EulerTableau {
    const NAME: &'static str = "euler";
    const TABLEAU: Tableau = Tableau { stages: &[], weights: &[1.0] };
}
