//! The times a model is sampled at.

use halfstep_core::{DiscreteSchedule, TimePoint, TimestepSpacing, timesteps};

use crate::error::SampleError;

/// `num_steps` times of `schedule`, noisiest first, then the clean image.
///
/// # Errors
/// [`SampleError::Timesteps`] if the schedule does not have that many times.
pub fn sampling_grid(
    schedule: &DiscreteSchedule,
    spacing: TimestepSpacing,
    num_steps: usize,
    steps_offset: usize,
) -> Result<Vec<TimePoint>, SampleError> {
    let times = timesteps(spacing, num_steps, schedule.len(), steps_offset)?;
    let mut grid = schedule.points(&times);
    grid.push(TimePoint::CLEAN);
    Ok(grid)
}

/// The grid that a student of `num_steps` steps is distilled for and sampled on: `trailing`, exact
/// when `num_steps` divides T.
///
/// # Errors
/// [`SampleError::Timesteps`] if the schedule does not have that many times.
pub fn student_grid(
    schedule: &DiscreteSchedule,
    num_steps: usize,
) -> Result<Vec<TimePoint>, SampleError> {
    sampling_grid(schedule, TimestepSpacing::Trailing, num_steps, 0)
}
