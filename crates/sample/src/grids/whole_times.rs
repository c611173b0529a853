//! Grids of whole times, those that the network was trained at.

use halfstep_core::{DiscreteSchedule, TimePoint, TimestepSpacing, dpm_timesteps, timesteps};

use crate::error::SampleError;

/// `num_steps` times of `schedule`, noisiest first, then the clean image.
///
/// # Errors
/// [`SampleError::Timesteps`] if the schedule does not have that many times; [`SampleError::Start`] for
/// one step of leading or linspace, which is at t = 0.
pub fn sampling_grid(
    schedule: &DiscreteSchedule,
    spacing: TimestepSpacing,
    num_steps: usize,
    steps_offset: usize,
) -> Result<Vec<TimePoint>, SampleError> {
    let times = timesteps(spacing, num_steps, schedule.len(), steps_offset)?;
    grid_of_times(schedule, &times)
}

/// The same for multistep solvers: leading and linspace list `num_steps + 1` times and leave out the
/// last, t = 0, as diffusers' solvers do. The step into it would be several times as long in lambda as
/// the one before, and nothing is left to do there: the image is clean but for a sigma of 0.01. With
/// as many steps as there are times it is visited after all.
///
/// # Errors
/// As [`sampling_grid`].
pub fn multistep_grid(
    schedule: &DiscreteSchedule,
    spacing: TimestepSpacing,
    num_steps: usize,
    steps_offset: usize,
) -> Result<Vec<TimePoint>, SampleError> {
    if num_steps >= schedule.len() {
        return sampling_grid(schedule, spacing, num_steps, steps_offset);
    }
    let times = dpm_timesteps(spacing, num_steps, schedule.len(), steps_offset)?;
    grid_of_times(schedule, &times)
}

/// The times listed, then the clean image.
///
/// # Errors
/// [`SampleError::Grid`] unless they fall strictly and lie below T; [`SampleError::Start`] if the
/// first is in the less noisy half of the times.
pub fn listed_grid(
    schedule: &DiscreteSchedule,
    times: &[usize],
) -> Result<Vec<TimePoint>, SampleError> {
    if times.is_empty() {
        return Err(SampleError::Grid("lists no time at all".to_owned()));
    }
    if let Some(&t) = times.iter().find(|&&t| t >= schedule.len()) {
        let problem = format!("lists {t}; the model's times are 0 to {}", schedule.len() - 1);
        return Err(SampleError::Grid(problem));
    }
    if let Some(pair) = times.windows(2).find(|pair| pair[1] >= pair[0]) {
        let problem =
            format!("must fall from one to the next, and {} follows {}", pair[1], pair[0]);
        return Err(SampleError::Grid(problem));
    }
    grid_of_times(schedule, times)
}

/// The grid of a list of times, which must start where the noise is. Drawing starts from pure noise; a network that
/// is given it with a time of little noise takes it for an image.
fn grid_of_times(
    schedule: &DiscreteSchedule,
    times: &[usize],
) -> Result<Vec<TimePoint>, SampleError> {
    let last = schedule.len() - 1;
    match times.first() {
        Some(&first) if 2 * first < last => return Err(SampleError::Start { first, last }),
        _ => {}
    }
    let mut grid = schedule.points(times);
    grid.push(TimePoint::CLEAN);
    Ok(grid)
}

/// The same grid with its end at t = 0 instead of the clean image, for models that end there
/// (diffusers' `set_alpha_to_one = false`). A grid that visits t = 0 is one step shorter.
///
/// # Errors
/// [`SampleError::NoStep`] if none is left.
pub fn end_at_first_time(
    schedule: &DiscreteSchedule,
    mut grid: Vec<TimePoint>,
) -> Result<Vec<TimePoint>, SampleError> {
    let first_time = schedule.point(0);
    grid.pop_if(|end| end.level.sigma() == 0.0);
    if grid.last() != Some(&first_time) {
        grid.push(first_time);
    }
    match grid.len() {
        0 | 1 => Err(SampleError::NoStep),
        _ => Ok(grid),
    }
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
