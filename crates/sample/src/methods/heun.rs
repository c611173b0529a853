//! Heun's method (Karras et al. 2022, <https://arxiv.org/abs/2206.00364>, algorithm 1): two network
//! calls a step, one in the last.

use crate::methods::runge_kutta::{RungeKutta, Tableau};
use crate::registry::{GridRule, SamplerEntry, Takes};

/// For the command line.
pub static ENTRY: SamplerEntry = SamplerEntry {
    name: "heun",
    about: "Heun's method on the probability-flow ODE (Karras et al. 2022): two calls a step",
    order: Some(2),
    takes: &[Takes::OdeVariable],
    grid: GridRule::Any,
    build: |options| Ok(Box::new(RungeKutta::new("heun", &TABLEAU, options))),
};

static TABLEAU: Tableau = Tableau { stages: &[&[1.0]], weights: &[0.5, 0.5] };
