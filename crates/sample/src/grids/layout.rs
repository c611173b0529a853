//! Which grid a model and a sampler get.

use halfstep_core::{DiscreteSchedule, TimePoint};
use halfstep_model::SchedulerConfig;

use super::{
    GridKind, continuous_grid, end_at_first_time, listed_grid, multistep_grid, sampling_grid,
};
use crate::error::SampleError;
use crate::sampler::GridRule;

/// Steps of a model that was not distilled, as diffusers' pipelines default to.
pub const DEFAULT_STEPS: usize = 50;

/// How the grids of a model are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridLayout {
    /// Where the times lie.
    pub kind: GridKind,
    /// diffusers' `steps_offset`: added to the times of a leading grid.
    pub steps_offset: usize,
    /// diffusers' `set_alpha_to_one`: whether the last step goes to the clean image, or to t = 0.
    pub ends_clean: bool,
}

impl Default for GridLayout {
    /// Trailing, to the clean image: what students are distilled on.
    fn default() -> Self {
        Self { kind: GridKind::Trailing, steps_offset: 0, ends_clean: true }
    }
}

impl GridLayout {
    /// That of a model's scheduler config.
    pub fn from_scheduler(scheduler: &SchedulerConfig) -> Self {
        Self {
            kind: scheduler.timestep_spacing.into(),
            steps_offset: scheduler.steps_offset,
            ends_clean: scheduler.set_alpha_to_one,
        }
    }

    /// `num_steps` steps of a sampler: a budget of network calls for [`GridRule::Budget`], of no effect for
    /// [`GridRule::Own`].
    ///
    /// # Errors
    /// [`SampleError::Timesteps`] if the schedule does not have that many times, [`SampleError::Start`] and
    /// [`SampleError::NoStep`] for grids that are none, [`SampleError::NeedsGamma`] for an optimal trajectory,
    /// which no schedule determines.
    pub fn grid(
        self,
        schedule: &DiscreteSchedule,
        rule: GridRule,
        num_steps: usize,
    ) -> Result<Vec<TimePoint>, SampleError> {
        let grid = match rule {
            GridRule::Budget => {
                let mut grid = continuous_grid(schedule, GridKind::Lambda, num_steps / 3 + 2)?;
                grid.pop(); // its calls end at the first training level
                grid
            }
            GridRule::Own => {
                let ends = [schedule.len() - 1, 0];
                listed_grid(schedule, &ends[..schedule.len().min(2)])?
            }
            GridRule::Any | GridRule::Multistep => self.spaced(schedule, rule, num_steps)?,
        };
        self.ended(schedule, grid)
    }

    /// A grid that ends where the model does.
    ///
    /// # Errors
    /// [`SampleError::NoStep`].
    pub(crate) fn ended(
        self,
        schedule: &DiscreteSchedule,
        grid: Vec<TimePoint>,
    ) -> Result<Vec<TimePoint>, SampleError> {
        if self.ends_clean { Ok(grid) } else { end_at_first_time(schedule, grid) }
    }

    fn spaced(
        self,
        schedule: &DiscreteSchedule,
        rule: GridRule,
        num_steps: usize,
    ) -> Result<Vec<TimePoint>, SampleError> {
        match (self.kind.spacing(), self.kind) {
            (Some(spacing), _) if rule == GridRule::Multistep => {
                multistep_grid(schedule, spacing, num_steps, self.steps_offset)
            }
            (Some(spacing), _) => sampling_grid(schedule, spacing, num_steps, self.steps_offset),
            (None, GridKind::Optimal) => {
                Err(SampleError::NeedsGamma { sampler: "an optimal trajectory" })
            }
            (None, continuous) => continuous_grid(schedule, continuous, num_steps),
        }
    }
}
