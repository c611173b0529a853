//! Analytic-DPM's optimal trajectory: which K of the T times to visit.

use crate::posterior::beta_between;
use crate::{DiscreteSchedule, NoiseLevel};

/// A trajectory that does not exist.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrajectoryError {
    /// No steps at all.
    #[error("num_steps is 0: sampling takes at least one step")]
    NoSteps,
    /// More steps than times.
    #[error("num_steps = {num_steps} is too many: the schedule has {times} times")]
    TooManySteps {
        /// Steps asked for.
        num_steps: usize,
        /// Times of the schedule, T.
        times: usize,
    },
    /// A table of another schedule.
    #[error("`eps_norm2` has {found} entries, the schedule has {expected} times")]
    Length {
        /// Entries of the table.
        found: usize,
        /// Times of the schedule, T.
        expected: usize,
    },
    /// An entry that no network can have.
    #[error("`eps_norm2`[{t}] = {value}: must be finite and not negative")]
    OutOfRange {
        /// The time.
        t: usize,
        /// The entry.
        value: f64,
    },
    /// Too many times lie where the network is known to be wrong.
    #[error(
        "num_steps = {num_steps} is too many: of {times} times, {left} are left after dropping those \
         where `eps_norm2` exceeds 1; take at most {left} steps, or evenly spaced ones"
    )]
    TooFewTimes {
        /// Steps asked for.
        num_steps: usize,
        /// Times of the schedule, T.
        times: usize,
        /// Times that may be visited, the two ends included.
        left: usize,
    },
}

/// The `num_steps` times, noisiest first, whose DDPM sampler with optimal variances has the best
/// variational bound: the least-cost path with cost `ln(1 - beta_rs Gamma_r)` for a jump r -> s, by
/// dynamic programming in O(K T^2) (Bao et al. 2022, arXiv:2201.06503, section 4).
///
/// `eps_norm2[t]` is the measured `E|eps_hat|^2 / d = sigma_t^2 Gamma_t` at each of the schedule's T
/// times. T - 1 and 0 are always among the result, except that one step is `[T - 1]`. This is best
/// for the likelihood, not for the look of images. Among equal paths any one may be given.
///
/// Times with `eps_norm2 > 1` are not visited: an exact network has none, and the logarithm need
/// not exist there. The two ends are, whatever their entries. That of t = 0 has no part in any
/// cost. That of the noisy end may leave no logarithm, so its argument is clamped from below: with
/// zero terminal SNR `beta_rs` is 1 for every s, so the first jump adds the same to every path and
/// the best stays the best. (Without, the clamp only keeps a wrong entry from being infinitely
/// wrong.)
///
/// # Errors
///
/// [`TrajectoryError`] unless `1 <= num_steps <= T`, there is one finite entry that is not negative
/// for every time, and enough times may be visited.
///
/// ```
/// use halfstep_core::{DiscreteSchedule, optimal_trajectory};
///
/// let schedule = DiscreteSchedule::linear(4, 0.1, 0.4)?;
/// let times = optimal_trajectory(&schedule, &[0.2, 0.6, 1.1, 0.9], 3)?;
/// assert_eq!(times, [3, 1, 0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn optimal_trajectory(
    schedule: &DiscreteSchedule,
    eps_norm2: &[f64],
    num_steps: usize,
) -> Result<Vec<usize>, TrajectoryError> {
    check(schedule.len(), eps_norm2, num_steps)?;
    let last = schedule.len() - 1;
    if num_steps == 1 {
        return Ok(vec![last]);
    }
    let times: Vec<usize> =
        (0..schedule.len()).rev().filter(|&t| t == 0 || t == last || eps_norm2[t] <= 1.0).collect();
    if times.len() < num_steps {
        let (times, left) = (schedule.len(), times.len());
        return Err(TrajectoryError::TooFewTimes { num_steps, times, left });
    }
    let path = cheapest_path(&costs(schedule, eps_norm2, &times), num_steps);
    Ok(path.into_iter().map(|place| times[place]).collect())
}

fn check(times: usize, eps_norm2: &[f64], num_steps: usize) -> Result<(), TrajectoryError> {
    if num_steps == 0 {
        return Err(TrajectoryError::NoSteps);
    }
    if num_steps > times {
        return Err(TrajectoryError::TooManySteps { num_steps, times });
    }
    if eps_norm2.len() != times {
        return Err(TrajectoryError::Length { found: eps_norm2.len(), expected: times });
    }
    let valid = |value: f64| value.is_finite() && value >= 0.0;
    match eps_norm2.iter().position(|&value| !valid(value)) {
        Some(t) => Err(TrajectoryError::OutOfRange { t, value: eps_norm2[t] }),
        None => Ok(()),
    }
}

/// `costs[s][r]`, r < s: the cost of the jump between the places r and s of `times`, which fall.
fn costs(schedule: &DiscreteSchedule, eps_norm2: &[f64], times: &[usize]) -> Vec<Vec<f64>> {
    let points: Vec<(NoiseLevel, f64)> =
        times.iter().map(|&t| (schedule.at(t), eps_norm2[t])).collect();
    let jumps_to = |(s, &(to, _)): (usize, &(NoiseLevel, f64))| {
        points[..s].iter().map(|&from| jump_cost(from, to)).collect()
    };
    points.iter().enumerate().map(jumps_to).collect()
}

/// `ln(1 - beta_rs Gamma_r)`. As `beta_rs < sigma_r^2`, the argument is positive wherever `eps_norm2
/// <= 1`: the clamp is for the noisy end and for rounding.
fn jump_cost((from, eps_norm2): (NoiseLevel, f64), to: NoiseLevel) -> f64 {
    let gamma = eps_norm2 / from.sigma().powi(2);
    (1.0 - beta_between(from, to) * gamma).max(f64::EPSILON).ln()
}

/// The cheapest path of `num_steps >= 2` places from the first to the last.
fn cheapest_path(costs: &[Vec<f64>], num_steps: usize) -> Vec<usize> {
    let last = costs.len() - 1;
    // The cheapest way to every place with one step so far: only the first can be reached.
    let mut best = vec![f64::INFINITY; costs.len()];
    best[0] = 0.0;
    let mut came_from = Vec::with_capacity(num_steps - 1);
    for _ in 1..num_steps {
        let steps: Vec<(usize, f64)> = costs.iter().map(|to| cheapest_step(&best, to)).collect();
        let (previous, totals): (Vec<usize>, Vec<f64>) = steps.into_iter().unzip();
        best = totals;
        came_from.push(previous);
    }
    let mut path = vec![last];
    for previous in came_from.iter().rev() {
        path.push(previous[path[path.len() - 1]]);
    }
    path.reverse();
    path
}

/// From where to step to a place, and the whole cost then; `costs` are those from the places before
/// it.
fn cheapest_step(best: &[f64], costs: &[f64]) -> (usize, f64) {
    let mut cheapest = (0, f64::INFINITY);
    for (from, (so_far, cost)) in best.iter().zip(costs).enumerate() {
        if so_far + cost < cheapest.1 {
            cheapest = (from, so_far + cost);
        }
    }
    cheapest
}
