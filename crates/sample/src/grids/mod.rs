//! The times a model is sampled at.

use clap::ValueEnum;
use halfstep_core::{
    DiscreteSchedule, NoiseLevel, NoiseSchedule, TimePoint, TimestepError, TimestepSpacing,
    dpm_timesteps, timesteps,
};

use crate::error::SampleError;
use crate::registry::{GridRule, SamplerKind};

/// Where N times lie between the noisiest and the clean image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GridKind {
    /// Multiples of T/N from 0 up: T-1 is left out
    Leading,
    /// Multiples of T/N from T-1 down: what students are distilled on
    Trailing,
    /// From T-1 to 0, both included
    Linspace,
    /// Uniform in time u: as trailing, without rounding to whole times
    Uniform,
    /// Uniform in lambda = ln(alpha / sigma) (DPM-Solver)
    Lambda,
    /// Uniform in the angle atan2(sigma, alpha)
    Phi,
    /// Uniform in (sigma / alpha)^(1/7) (Karras et al. 2022)
    Karras,
    /// Analytic-DPM's trajectory of least variational bound, for likelihoods rather than looks; needs
    /// Gamma (see --estimate-gamma)
    Optimal,
}

impl GridKind {
    /// The three that diffusers has.
    pub fn spacing(self) -> Option<TimestepSpacing> {
        match self {
            Self::Leading => Some(TimestepSpacing::Leading),
            Self::Trailing => Some(TimestepSpacing::Trailing),
            Self::Linspace => Some(TimestepSpacing::Linspace),
            _ => None,
        }
    }
}

impl From<TimestepSpacing> for GridKind {
    fn from(spacing: TimestepSpacing) -> Self {
        match spacing {
            TimestepSpacing::Leading => Self::Leading,
            TimestepSpacing::Trailing => Self::Trailing,
            TimestepSpacing::Linspace => Self::Linspace,
        }
    }
}

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

/// Every list of whole times becomes a grid here: it starts where the noise is. What is drawn starts
/// from pure noise, which a network takes for what it was told it is: at a time of little noise, for an
/// image.
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

/// The same grid with its end at t = 0 instead of the clean image, for models that are to end there
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

/// `num_steps` levels, noisiest first, then the clean image, for the kinds that need no whole times:
/// `uniform` and `phi` fall in equal steps from the last training level to clean; `lambda` and
/// `karras` go from the last to the first training level. Where the last is pure noise, at which
/// lambda and sigma / alpha are infinite, the level before it stands in for it in the spacing. The
/// network is told fractional times.
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

impl SamplerKind {
    /// The grid of a sampler that lays out its own: `num_steps` network calls of a budget, or the two
    /// ends of the schedule for steps of its own choice. `None` for those that take any.
    ///
    /// # Errors
    /// [`SampleError::Timesteps`] for no steps.
    pub fn own_grid(
        self,
        schedule: &DiscreteSchedule,
        num_steps: usize,
    ) -> Result<Option<Vec<TimePoint>>, SampleError> {
        match self.entry().grid {
            GridRule::Any | GridRule::Multistep => Ok(None),
            GridRule::Budget => {
                let mut grid = continuous_grid(schedule, GridKind::Lambda, num_steps / 3 + 2)?;
                grid.pop(); // its calls end at the first training level
                Ok(Some(grid))
            }
            GridRule::Own => {
                let ends = [schedule.len() - 1, 0];
                listed_grid(schedule, &ends[..schedule.len().min(2)]).map(Some)
            }
        }
    }
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
