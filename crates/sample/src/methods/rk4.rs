//! The classical Runge-Kutta method of order 4: four network calls a step, one in the last.

use super::entry::{SamplerEntry, SamplerOption};
use super::runge_kutta::{RungeKutta, Tableau, TableauMethod};
use crate::sampler::GridRule;

/// Its place in the list of samplers.
pub static ENTRY: SamplerEntry = SamplerEntry {
    name: Rk4Tableau::NAME,
    about: "The classical Runge-Kutta method on the probability-flow ODE: four calls a step",
    order: Some(4),
    takes: &[SamplerOption::OdeVariable],
    grid: GridRule::Any,
    build: |options| Ok(Box::new(Rk4::new().with_options(options))),
};

/// The classical Runge-Kutta method: four network calls a step.
pub type Rk4 = RungeKutta<Rk4Tableau>;

/// The coefficients of [`Rk4`].
#[derive(Clone, Copy, Debug)]
pub struct Rk4Tableau;

impl TableauMethod for Rk4Tableau {
    const NAME: &'static str = "rk4";
    const TABLEAU: Tableau = Tableau {
        stages: &[&[0.5], &[0.0, 0.5], &[0.0, 0.0, 1.0]],
        weights: &[1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0],
    };
}
