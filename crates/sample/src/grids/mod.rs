//! The times at which a sampler calls the network.
//!
//! | file | grids |
//! |---|---|
//! | `whole_times` | [`sampling_grid`], [`multistep_grid`], [`listed_grid`], [`student_grid`]: training times |
//! | `continuous` | [`continuous_grid`]: levels uniform in time, lambda, an angle or Karras's root |
//! | `layout` | [`GridLayout`]: which of them a model and a sampler get |

mod continuous;
mod layout;
mod whole_times;

pub use continuous::continuous_grid;
pub use layout::{DEFAULT_STEPS, GridLayout};
pub use whole_times::{
    end_at_first_time, listed_grid, multistep_grid, sampling_grid, student_grid,
};

use halfstep_core::TimestepSpacing;

use crate::names::named;

named! {
    /// Where N times lie between the noisiest and the clean image.
    pub enum GridKind: "kind of grid" {
        /// Multiples of T/N from 0 up; T-1 is left out.
        Leading = "leading", "Multiples of T/N from 0 up: T-1 is left out",
        /// Multiples of T/N from T-1 down: what students are distilled on.
        Trailing = "trailing", "Multiples of T/N from T-1 down: what students are distilled on",
        /// From T-1 to 0, both included.
        Linspace = "linspace", "From T-1 to 0, both included",
        /// Uniform in time u: as trailing, without rounding to whole times.
        Uniform = "uniform", "Uniform in time u: as trailing, without rounding to whole times",
        /// Uniform in lambda = ln(alpha / sigma) (DPM-Solver).
        Lambda = "lambda", "Uniform in lambda = ln(alpha / sigma) (DPM-Solver)",
        /// Uniform in the angle atan2(sigma, alpha).
        Phi = "phi", "Uniform in the angle atan2(sigma, alpha)",
        /// Uniform in (sigma / alpha)^(1/7) (Karras et al. 2022).
        Karras = "karras", "Uniform in (sigma / alpha)^(1/7) (Karras et al. 2022)",
        /// Analytic-DPM's trajectory of least variational bound, for likelihoods rather than looks; needs Gamma.
        Optimal = "optimal",
            "Analytic-DPM's trajectory of least variational bound, for likelihoods rather than looks; needs Gamma",
    }
}

impl GridKind {
    /// diffusers' name for it, if it is one of its three.
    pub fn spacing(self) -> Option<TimestepSpacing> {
        match self {
            Self::Leading => Some(TimestepSpacing::Leading),
            Self::Trailing => Some(TimestepSpacing::Trailing),
            Self::Linspace => Some(TimestepSpacing::Linspace),
            _ => None,
        }
    }
}

impl From<TimestepSpacing> for GridKind {
    fn from(spacing: TimestepSpacing) -> Self {
        match spacing {
            TimestepSpacing::Leading => Self::Leading,
            TimestepSpacing::Trailing => Self::Trailing,
            TimestepSpacing::Linspace => Self::Linspace,
        }
    }
}
