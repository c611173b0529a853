//! Why a request cannot be met.

use halfstep_core::{TrajectoryError, counted};
use halfstep_model::ModelError;

use crate::analytic::GammaError;
use crate::error::SampleError;
use crate::grids::GridKind;

/// A [`SamplingRequest`](super::SamplingRequest) that no plan fulfils.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// An option was given that none of the samplers takes.
    #[error("`{option}` does not apply to {} (it applies to {})", samplers.join(", "), others.join(", "))]
    NotTaken {
        /// The request's field.
        option: &'static str,
        /// The samplers that were asked for.
        samplers: Vec<&'static str>,
        /// Those that take the option.
        others: Vec<&'static str>,
    },
    /// A grid that diffusers does not have.
    #[error("diffusers steps on leading, trailing and linspace grids only")]
    NotInDiffusers,
    /// diffusers' singlestep scheduler on another grid than its own.
    #[error("diffusers' {sampler} steps on linspace grids only")]
    LinspaceOnly {
        /// The sampler.
        sampler: &'static str,
    },
    /// A grid for a sampler that places a budget of network calls itself.
    #[error("{sampler} places its own times")]
    OwnTimes {
        /// The sampler.
        sampler: &'static str,
    },
    /// Steps for a sampler that follows a tolerance.
    #[error("{sampler} chooses its own steps")]
    OwnSteps {
        /// The sampler.
        sampler: &'static str,
    },
    /// Analytic-DPM with a student.
    #[error(
        "the model is a student; {sampler} needs a network trained at every time, such as its teacher"
    )]
    StudentGamma {
        /// The sampler.
        sampler: &'static str,
    },
    /// A student on another grid than its own.
    #[error(
        "the model is a student distilled for {} at times {timesteps:?}; other grids give worse images",
        counted(*num_steps, "step")
    )]
    StudentGrid {
        /// Steps of its own grid.
        num_steps: usize,
        /// The times of its own grid.
        timesteps: Vec<usize>,
    },
    /// A student with other steps than DDIM's.
    #[error(
        "the model is a student distilled for deterministic DDIM steps, which {sampler} does not take"
    )]
    StudentSampler {
        /// The sampler.
        sampler: &'static str,
    },
    /// A budget of calls that is too small.
    #[error("{} are not enough for a single step of {sampler}", counted(*calls, "network call"))]
    TooFewCalls {
        /// The budget.
        calls: usize,
        /// The sampler.
        sampler: &'static str,
    },
    /// DDPM's variance is left to the model, and the model's is not here.
    #[error("the model's own variance cannot be used")]
    Variance(#[source] ModelError),
    /// A limit on the last noise on a grid where it does not act.
    #[error("the bound on the last noise acts in the step to t = 0, and this grid has none")]
    LastClipUnused,
    /// The listed times are no grid.
    #[error(transparent)]
    Listed(SampleError),
    /// There is no such grid in this many steps.
    #[error("no {grid_kind} grid in {}", counted(*num_steps, "step"))]
    NoGrid {
        /// The number of steps.
        num_steps: usize,
        /// Whether the request itself gives that number.
        requested: bool,
        /// Where the steps would lie.
        grid_kind: GridKind,
        /// Why.
        source: SampleError,
    },
    /// There is no optimal trajectory in this many steps.
    #[error("no optimal trajectory in {}", counted(*num_steps, "step"))]
    NoTrajectory {
        /// The number of steps.
        num_steps: usize,
        /// Whether the request itself gives that number.
        requested: bool,
        /// Why.
        source: TrajectoryError,
    },
    /// Gamma's table.
    #[error(transparent)]
    Gamma(#[from] GammaError),
    /// The model's scheduler config.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The sampler.
    #[error(transparent)]
    Sample(#[from] SampleError),
}
