//! Every sampler against exact solutions and against other programs.

#[path = "../../../core/tests/suite/support.rs"]
#[allow(dead_code, reason = "shared with the tests of halfstep-core, which use all of it")]
mod support;

mod adaptive;
mod analytic;
mod convergence;
mod easing;
mod ends;
mod equal;
mod golden_diffusers;
mod golden_kdiffusion;
mod grids;
mod oracles;
mod steps;
mod variance;
