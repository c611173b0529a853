//! What an evaluation reports while it runs. A caller may ignore all of it.

use std::ops::ControlFlow;

/// A progress callback: called with how much is done, in the unit of the function that takes it. A break stops
/// that function with [`EvalError::Stopped`](crate::EvalError::Stopped).
pub type OnProgress<'a> = dyn FnMut(usize) -> ControlFlow<()> + 'a;

/// What counted work is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkUnit {
    /// Images whose features are extracted, sampling included.
    Images,
    /// Pairs of samples that a metric compares.
    Pairs,
    /// Network steps of images, for likelihoods.
    Steps,
}

/// Something that happens during an evaluation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum EvalEvent {
    /// Counted work begins. Everything up to [`Ended`](Self::Ended) counts in this unit.
    Began(WorkUnit),
    /// `done` of `total` are done. The first value after [`Began`](Self::Began) may be above 0: that much was
    /// found in the cache.
    Progress {
        /// Finished units.
        done: u64,
        /// Units of the whole work.
        total: u64,
    },
    /// Counted work ends, whether finished or not.
    Ended,
    /// A sweep turns to the next way of sampling a model.
    SweepRow {
        /// Model folder, sampler and steps.
        name: String,
    },
    /// A likelihood turns to its next part.
    Likelihood(LikelihoodPart),
}

/// A part of a likelihood's computation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LikelihoodPart {
    /// What is computed.
    pub kind: LikelihoodWork,
    /// Steps of the solver or of the bound, or times at which errors are measured.
    pub steps: usize,
    /// Number of images.
    pub images: usize,
    /// Their dataset.
    pub dataset: String,
}

/// What a [`LikelihoodPart`] computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LikelihoodWork {
    /// The network's mean squared errors.
    Errors,
    /// The variational bound.
    Bound,
    /// The density of the probability-flow ODE.
    Density,
}

/// Receives the events of an evaluation and may stop it. `()` ignores them and never stops.
pub trait EvalObserver {
    /// Called as things happen, on the calling thread.
    fn on_event(&self, _event: EvalEvent) {}

    /// Asked between batches and steps; `true` ends the evaluation with
    /// [`EvalError::Stopped`](crate::EvalError::Stopped).
    fn should_stop(&self) -> bool {
        false
    }
}

impl EvalObserver for () {}
