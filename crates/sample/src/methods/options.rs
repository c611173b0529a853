//! The options that some samplers take.

use std::sync::Arc;

use halfstep_core::{AncestralVariance, TimePoint, X0Clip};

use super::ode_variable::OdeVariable;

/// The options of all samplers. Each sampler uses clipping and what its [`crate::SamplerEntry`] lists.
#[derive(Clone)]
pub struct SamplerOptions {
    /// Steps of the grid, or network calls for a sampler that is given a budget.
    pub num_steps: usize,
    /// DDIM's noise: 0 is deterministic, 1 is DDPM.
    pub eta: f64,
    /// DDPM's variance.
    pub variance: AncestralVariance,
    /// Keep the predicted x0 in range in every step.
    pub clip: Option<X0Clip>,
    /// What an ODE solver steps in; `None`: the solver's default.
    pub variable: Option<OdeVariable>,
    /// What an adaptive solver keeps its error below.
    pub tolerance: Tolerance,
    /// Analytic-DPM's statistics.
    pub analytic: Option<AnalyticStatistics>,
}

impl Default for SamplerOptions {
    fn default() -> Self {
        Self {
            num_steps: 50,
            eta: 0.0,
            variance: AncestralVariance::FixedSmall,
            clip: None,
            variable: None,
            tolerance: Tolerance::default(),
            analytic: None,
        }
    }
}

/// The error of a step is kept below `absolute + relative |z|` in the mean square over an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Relative to the magnitude of a value.
    pub relative: f64,
    /// In units of the pixels, which are in `[-1, 1]`.
    pub absolute: f64,
}

impl Default for Tolerance {
    /// A thousandth: below what eight bits a pixel can show.
    fn default() -> Self {
        Self { relative: 1e-3, absolute: 1e-3 }
    }
}

/// What Analytic-DPM needs to know about the data.
#[derive(Clone)]
pub struct AnalyticStatistics {
    /// Mean variance of x0 given z at a time point.
    pub posterior_data_variance: Arc<dyn Fn(TimePoint) -> f64 + Send + Sync>,
    /// Whether the model's schedule is DDPM's linear one, for the limit below.
    pub linear_betas: bool,
    /// The y of [`halfstep_core::noise_clip`], which limits the noise of the jump to the first
    /// training time (t = 0); 0 for no limit, `None` for the paper's.
    pub last_clip: Option<f64>,
}
