//! The classical Runge-Kutta method of order 4: four network calls a step, one in the last.

use crate::methods::runge_kutta::{RungeKutta, Tableau};
use crate::registry::{GridRule, SamplerEntry, Takes};

/// For the command line.
pub static ENTRY: SamplerEntry = SamplerEntry {
    name: "rk4",
    about: "The classical Runge-Kutta method on the probability-flow ODE: four calls a step",
    order: Some(4),
    takes: &[Takes::OdeVariable],
    grid: GridRule::Any,
    build: |options| Ok(Box::new(RungeKutta::new("rk4", &TABLEAU, options))),
};

static TABLEAU: Tableau = Tableau {
    stages: &[&[0.5], &[0.0, 0.5], &[0.0, 0.0, 1.0]],
    weights: &[1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0],
};
