//! Euler's method (Karras et al. 2022, <https://arxiv.org/abs/2206.00364>, algorithm 1 without its
//! second half): one network call a step.

use crate::methods::runge_kutta::{RungeKutta, Tableau};
use crate::registry::{GridRule, SamplerEntry, Takes};

/// For the command line.
pub static ENTRY: SamplerEntry = SamplerEntry {
    name: "euler",
    about: "Euler's method on the probability-flow ODE; in sigma / alpha it is DDIM",
    order: Some(1),
    takes: &[Takes::OdeVariable],
    grid: GridRule::Any,
    build: |options| Ok(Box::new(RungeKutta::new("euler", &TABLEAU, options))),
};

static TABLEAU: Tableau = Tableau { stages: &[], weights: &[1.0] };
