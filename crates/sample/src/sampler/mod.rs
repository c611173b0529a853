//! The [`Sampler`] seam: what a sampler is given, what it gives back, and the loop that most of them share.

mod trajectory;

pub(crate) use trajectory::calls_of;
pub use trajectory::{Jump, StepInfo, Trajectory, draw_with, walk};

use burn::tensor::Tensor;
use halfstep_core::TimePoint;

use crate::error::SampleError;

/// Takes start noise `z_T` to an image `z_0` over a grid of times, calling a denoiser on the way.
pub trait Sampler {
    /// Its short name, such as `ddim`.
    fn name(&self) -> &'static str;

    /// Returns z at the last point of the grid, `[B, C, H, W]`.
    ///
    /// # Errors
    /// [`SampleError::NoSignal`] where the grid starts at zero signal (alpha = 0) and the method or
    /// the network's prediction needs some; whatever `on_step` returns.
    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError>;

    /// What the samples converge to with ever more steps.
    fn family(&self) -> Family {
        Family::Ode
    }

    /// Whether it adds noise.
    fn is_stochastic(&self) -> bool {
        self.family() == Family::Sde
    }

    /// Whether its steps are DDIM's deterministic ones, which students are distilled for.
    fn is_ddim(&self) -> bool {
        false
    }

    /// Network calls per image over a grid; `None` where that depends on the image.
    fn calls(&self, grid: &[TimePoint]) -> Option<usize> {
        Some(grid.len().saturating_sub(1))
    }

    /// Which grids it steps on.
    fn grid_rule(&self) -> GridRule {
        GridRule::Any
    }
}

impl<S: Sampler + ?Sized> Sampler for Box<S> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError> {
        (**self).sample(run)
    }

    fn family(&self) -> Family {
        (**self).family()
    }

    fn is_stochastic(&self) -> bool {
        (**self).is_stochastic()
    }

    fn is_ddim(&self) -> bool {
        (**self).is_ddim()
    }

    fn calls(&self, grid: &[TimePoint]) -> Option<usize> {
        (**self).calls(grid)
    }

    fn grid_rule(&self) -> GridRule {
        (**self).grid_rule()
    }
}

/// What a sampler's images converge to with ever more steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// The solution of the probability-flow ODE from the start noise: the image is a function of it.
    Ode,
    /// A path of the reverse SDE: fresh noise in every step.
    Sde,
}

/// Which grids a sampler steps on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GridRule {
    /// Any grid of N times and the clean image.
    Any,
    /// As `Any`, but leading and linspace list N + 1 times and leave out the last, as diffusers'
    /// solvers do: see [`multistep_grid`](crate::multistep_grid).
    Multistep,
    /// N / 3 + 1 intervals uniform in lambda between the schedule's ends, in N network calls.
    Budget,
    /// Times that the sampler chooses itself, between the schedule's ends.
    Own,
}

impl GridRule {
    /// Whether the sampler steps on a grid that it is given.
    pub fn takes_any(self) -> bool {
        matches!(self, Self::Any | Self::Multistep)
    }
}
