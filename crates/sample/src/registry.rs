//! The samplers of the command line.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::error::SampleError;
use crate::methods;
use crate::methods::options::SamplerOptions;
use crate::sampler::Sampler;

/// What a sampler says of itself. The command line, the comparison and the convergence test are
/// made from the list of these.
pub struct SamplerEntry {
    /// On the command line.
    pub name: &'static str,
    /// One line, with the source.
    pub about: &'static str,
    /// Order of convergence to the probability-flow ODE at default options, measured by
    /// `tests/suite/convergence.rs`; `None` for stochastic and adaptive methods.
    pub order: Option<u32>,
    /// The options it takes beyond clipping, which all take.
    pub takes: &'static [Takes],
    /// What its `--steps` and grid mean.
    pub grid: GridRule,
    /// Builds it.
    pub build: fn(&SamplerOptions) -> Result<Box<dyn Sampler>, SampleError>,
}

/// An option that only some samplers take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// `--eta`
    Eta,
    /// `--variance`
    Variance,
    /// `--ode-variable`
    OdeVariable,
    /// `--rtol`, `--atol`
    Tolerance,
    /// Gamma statistics, without which it cannot be built.
    Gamma,
    /// `--compat diffusers`
    Diffusers,
}

/// Where a sampler steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GridRule {
    /// On any grid of N times and the clean image.
    Any,
    /// As `Any`, but leading and linspace list N + 1 times and leave out the last, as diffusers'
    /// solvers do: see [`multistep_grid`](crate::multistep_grid).
    Multistep,
    /// On N / 3 + 1 intervals uniform in lambda between the schedule's ends, in N network calls.
    Budget,
    /// On times of its own choice between the schedule's ends.
    Own,
}

impl GridRule {
    /// Whether the sampler steps on a grid that it is given.
    pub fn takes_any(self) -> bool {
        matches!(self, Self::Any | Self::Multistep)
    }
}

/// One of the samplers of the command line.
#[derive(Clone, Copy)]
pub struct SamplerKind(pub(crate) &'static SamplerEntry);

impl SamplerKind {
    /// All of them.
    pub fn all() -> &'static [Self] {
        methods::ALL
    }

    /// What it says of itself.
    pub fn entry(self) -> &'static SamplerEntry {
        self.0
    }

    /// On the command line.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Whether it takes the option.
    pub fn takes(self, option: Takes) -> bool {
        self.0.takes.contains(&option)
    }

    /// The names of those that take the option.
    pub fn that_take(option: Takes) -> Vec<&'static str> {
        Self::all().iter().filter(|kind| kind.takes(option)).map(|kind| kind.name()).collect()
    }

    /// Builds the sampler.
    ///
    /// # Errors
    /// [`SampleError::NeedsGamma`] if the options lack what it cannot do without.
    pub fn build(self, options: &SamplerOptions) -> Result<Box<dyn Sampler>, SampleError> {
        (self.0.build)(options)
    }
}

impl Default for SamplerKind {
    /// DDIM.
    fn default() -> Self {
        methods::ALL[0]
    }
}

impl PartialEq for SamplerKind {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for SamplerKind {}

impl fmt::Display for SamplerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for SamplerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SamplerKind({})", self.name())
    }
}

impl FromStr for SamplerKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        <Self as ValueEnum>::from_str(name, false)
    }
}

impl ValueEnum for SamplerKind {
    fn value_variants<'a>() -> &'a [Self] {
        methods::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()).help(self.0.about))
    }
}
