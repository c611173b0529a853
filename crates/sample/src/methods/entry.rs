//! The entry of a sampler in the list of all samplers.

use super::options::SamplerOptions;
use crate::error::SampleError;
use crate::sampler::{GridRule, Sampler};

/// A sampler of the list: the command line, the comparison and the convergence test are made from these.
pub struct SamplerEntry {
    /// Its short name, such as `ddim`.
    pub name: &'static str,
    /// One line about it, with the source.
    pub about: &'static str,
    /// Order of convergence to the probability-flow ODE at default options, measured by
    /// `tests/suite/convergence.rs`; `None` for stochastic and adaptive methods.
    pub order: Option<u32>,
    /// The options it takes beyond clipping, which all take.
    pub takes: &'static [SamplerOption],
    /// Which grids it steps on.
    pub grid: GridRule,
    /// Builds it.
    pub build: fn(&SamplerOptions) -> Result<Box<dyn Sampler>, SampleError>,
}

/// An option that only some samplers take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SamplerOption {
    /// [`SamplerOptions::eta`].
    Eta,
    /// [`SamplerOptions::variance`].
    Variance,
    /// [`SamplerOptions::variable`].
    OdeVariable,
    /// [`SamplerOptions::tolerance`].
    Tolerance,
    /// [`SamplerOptions::analytic`], without which it cannot be built.
    Gamma,
}
