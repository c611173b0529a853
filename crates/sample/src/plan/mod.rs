//! From what is wanted to a sampler on a grid.
//!
//! A [`SamplingRequest`] holds what a caller wants and leaves the rest to the model: its scheduler config, or a
//! student's own grid. [`SamplingRequest::resolve`] turns it into a [`SamplingPlan`].

mod check;
mod error;
mod layout;
mod options;
mod planner;
mod request;

pub use error::PlanError;
pub use planner::Planner;
pub use request::SamplingRequest;

use std::sync::Arc;

use halfstep_core::TimePoint;

use crate::analytic::GammaTable;
use crate::registry::SamplerKind;
use crate::sampler::Sampler;

/// A sampler on a grid.
pub struct SamplingPlan {
    /// Which sampler of the list it is.
    pub kind: SamplerKind,
    /// The sampler with its options.
    pub sampler: Box<dyn Sampler>,
    /// Where it steps: noisiest first; the last point is where it ends.
    pub grid: Vec<TimePoint>,
    /// Gamma's table, if the sampler draws by it.
    pub gamma: Option<Arc<GammaTable>>,
}

impl SamplingPlan {
    /// Steps of the grid.
    pub fn num_steps(&self) -> usize {
        self.grid.len().saturating_sub(1)
    }

    /// Network calls per image; `None` where that depends on the image.
    pub fn calls(&self) -> Option<usize> {
        self.sampler.calls(&self.grid)
    }
}

#[cfg(test)]
mod tests;
