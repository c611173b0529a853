//! Grids of noise levels between the training times, for which the network is given fractional times.

use halfstep_core::{DiscreteSchedule, NoiseLevel, NoiseSchedule, TimePoint, TimestepError};

use super::GridKind;
use crate::error::SampleError;

/// `num_steps` levels, noisiest first, then the clean image, for the kinds that need no whole times:
/// `uniform` and `phi` fall in equal steps from the last training level to clean; `lambda` and
/// `karras` go from the last to the first training level. Where the last is pure noise, at which
/// lambda and sigma / alpha are infinite, the level before it stands in for it in the spacing. The
/// network is given fractional times.
///
/// # Errors
/// [`SampleError::Timesteps`] for no steps.
///
/// # Panics
/// If the kind is one of whole times.
pub fn continuous_grid(
    schedule: &DiscreteSchedule,
    kind: GridKind,
    num_steps: usize,
) -> Result<Vec<TimePoint>, SampleError> {
    if num_steps == 0 {
        return Err(TimestepError::NoSteps.into());
    }
    let noisiest = schedule.point(schedule.len() - 1);
    let falling = |i: usize| (num_steps - i) as f64 / num_steps as f64;
    let levels: Vec<NoiseLevel> = match kind {
        GridKind::Uniform => (0..num_steps).map(|i| schedule.level(falling(i))).collect(),
        GridKind::Phi => (0..num_steps)
            .map(|i| NoiseLevel::from_phi(falling(i) * noisiest.level.phi()))
            .collect(),
        GridKind::Lambda => between_ends(
            schedule,
            num_steps,
            |level| level.lambda(),
            |lambda| NoiseLevel::from_log_snr(2.0 * lambda),
        ),
        GridKind::Karras => between_ends(
            schedule,
            num_steps,
            |level| level.karras_sigma().powf(1.0 / KARRAS_RHO),
            |root| NoiseLevel::from_log_snr(-2.0 * KARRAS_RHO * root.ln()),
        ),
        GridKind::Leading | GridKind::Trailing | GridKind::Linspace | GridKind::Optimal => {
            unreachable!("{kind:?} is a grid of whole times")
        }
    };
    let mut grid: Vec<_> = levels.into_iter().map(|level| schedule.point_at(level)).collect();
    grid[0] = noisiest;
    grid.push(TimePoint::CLEAN);
    Ok(grid)
}

/// The exponent of Karras et al. 2022 (arXiv:2206.00364, equation 5).
const KARRAS_RHO: f64 = 7.0;

/// Levels in equal steps of a variable, from the noisiest with signal to the first training level.
fn between_ends(
    schedule: &DiscreteSchedule,
    num_steps: usize,
    position: impl Fn(NoiseLevel) -> f64,
    level: impl Fn(f64) -> NoiseLevel,
) -> Vec<NoiseLevel> {
    let last = schedule.len() - 1;
    let noisiest = last - usize::from(schedule.has_zero_terminal_snr()).min(last);
    let (from, to) = (position(schedule.at(noisiest)), position(schedule.at(0)));
    let part = |i: usize| i as f64 / num_steps.saturating_sub(1).max(1) as f64;
    let between = |i: usize| match i {
        0 => schedule.at(last),
        i if i + 1 == num_steps => schedule.at(0),
        i => level(from + part(i) * (to - from)),
    };
    (0..num_steps).map(between).collect()
}
