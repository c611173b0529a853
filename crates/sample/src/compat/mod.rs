//! Where diffusers' schedulers do something else than the published method, for those who must
//! have the same images as a Python program. Nothing here is used unless it is asked for.
//!
//! | diffusers | the method | effect |
//! |---|---|---|
//! | DDIM steps from t to `t - T // N` | to the next listed time | other images unless N divides T and the spacing is leading or trailing |
//! | multistep order 3 takes half of the second derivative, and begins with a step of order 1 | all of it, after a start of order 2 | order 2 instead of 3 |
//! | singlestep calls the network at the grid's own points | at one and two thirds in lambda | order 3 on grids uniform in lambda only; one call a step |
//! | zero terminal SNR starts DPM-Solver at `alpha^2 = 2^-24` | at alpha = 0 | differences in f32's last digits |
//! | DPM-Solver singlestep lists N + 1 times with linspace and leading and drops the last | lists N | another grid |
//! | multistep takes the published step, however long | holds the order back over long steps | other images on grids of few steps |

use halfstep_core::{DiscreteSchedule, NoiseLevel, TimePoint, TimestepSpacing, dpm_timesteps};

use crate::error::SampleError;

/// Where diffusers' DDIM of `num_steps` steps goes from each time: the level at `t - T // N`; below
/// 0 the clean image, or t = 0 without `set_alpha_to_one`.
pub fn diffusers_ddim_targets(
    schedule: &DiscreteSchedule,
    times: &[usize],
    num_steps: usize,
    set_alpha_to_one: bool,
) -> Vec<NoiseLevel> {
    let stride = schedule.len() / num_steps.max(1);
    let target = |&t: &usize| match t.checked_sub(stride) {
        Some(next) => schedule.at(next),
        None if set_alpha_to_one => NoiseLevel::CLEAN,
        None => schedule.at(0),
    };
    times.iter().map(target).collect()
}

/// The grid of diffusers' DPM-Solver schedulers: `final_sigmas_type` is `zero` (the clean image) or
/// `sigma_min` (t = 0).
///
/// # Errors
/// [`SampleError::Timesteps`] if the schedule does not have that many times.
pub fn diffusers_dpm_grid(
    schedule: &DiscreteSchedule,
    spacing: TimestepSpacing,
    num_steps: usize,
    steps_offset: usize,
    ends_clean: bool,
) -> Result<Vec<TimePoint>, SampleError> {
    let times = dpm_timesteps(spacing, num_steps, schedule.len(), steps_offset)?;
    let mut grid = schedule.points(&times);
    if let Some(start) = grid.first_mut().filter(|start| start.level.alpha() == 0.0) {
        start.level = NoiseLevel::from_alpha_bar(2_f64.powi(-24));
    }
    grid.push(if ends_clean { TimePoint::CLEAN } else { schedule.point(0) });
    Ok(grid)
}
