//! Analytic-DPM's optimal trajectory: the K of the T times to visit.

use crate::posterior::beta_between;
use crate::{DiscreteSchedule, NoiseLevel, posterior_data_variance};

/// A trajectory that does not exist.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrajectoryError {
    /// No steps at all.
    #[error("num_steps is 0: sampling takes at least one step")]
    NoSteps,
    /// More steps than times.
    #[error("num_steps = {num_steps} is too many: the schedule has {times} times")]
    TooManySteps {
        /// Requested steps.
        num_steps: usize,
        /// Times of the schedule, T.
        times: usize,
    },
    /// A table of another schedule.
    #[error("`{name}` has {found} entries, the schedule has {expected} times")]
    Length {
        /// The table: `eps_norm2` or `variances`.
        name: &'static str,
        /// Entries of the table.
        found: usize,
        /// Times of the schedule, T.
        expected: usize,
    },
    /// An entry that is impossible for any network.
    #[error("`{name}`[{t}] = {value}: must be finite and not negative")]
    OutOfRange {
        /// The table: `eps_norm2` or `variances`.
        name: &'static str,
        /// The time.
        t: usize,
        /// The entry.
        value: f64,
    },
    /// A variance that is impossible for any data.
    #[error("data_variance = {0}: must be finite and not negative")]
    DataVariance(f64),
    /// The network is wrong at too many times.
    #[error(
        "num_steps = {num_steps} is too many: of {times} times, {left} are left after dropping those \
         where `eps_norm2` exceeds 1; take at most {left} steps, or evenly spaced ones"
    )]
    TooFewTimes {
        /// Requested steps.
        num_steps: usize,
        /// Times of the schedule, T.
        times: usize,
        /// Times that may be visited, the two ends included.
        left: usize,
    },
}

/// The `num_steps` times, noisiest first, whose DDPM sampler with optimal variances has the best
/// variational bound, for a network without errors (Bao et al. 2022, arXiv:2201.06503, section 4).
///
/// `eps_norm2[t]` is the measured `E|eps_hat|^2 / d = sigma_t^2 Gamma_t` at each of the schedule's T times.
/// `data_variance` is the data's variance: V in pure noise, and the largest V anywhere. See [`best_trajectory`] for
/// the cost of a path.
///
/// Times with `eps_norm2 > 1` are left out: an exact network has none, and V would be negative. The two ends are
/// always visited: the entry of t = 0 has no part in any cost, and an entry above 1 at the noisy end is replaced by
/// the data's variance.
///
/// # Errors
///
/// [`TrajectoryError`] unless `1 <= num_steps <= T`, every time has one finite entry that is not negative,
/// `data_variance` is finite and not negative, and enough times are left.
///
/// ```
/// use halfstep_core::{DiscreteSchedule, optimal_trajectory};
///
/// let schedule = DiscreteSchedule::linear(4, 0.1, 0.4)?;
/// let times = optimal_trajectory(&schedule, &[0.2, 0.6, 1.1, 0.9], 0.3, 3)?;
/// assert_eq!(times, [3, 1, 0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn optimal_trajectory(
    schedule: &DiscreteSchedule,
    eps_norm2: &[f64],
    data_variance: f64,
    num_steps: usize,
) -> Result<Vec<usize>, TrajectoryError> {
    check("eps_norm2", schedule.len(), eps_norm2, num_steps)?;
    if !is_valid(data_variance) {
        return Err(TrajectoryError::DataVariance(data_variance));
    }
    let last = schedule.len() - 1;
    let variance = |t: usize| {
        let measured = posterior_data_variance(schedule.at(t), eps_norm2[t]);
        match measured.filter(|_| eps_norm2[t] <= 1.0) {
            Some(measured) => Some(measured.min(data_variance)),
            None => (t == 0 || t == last).then_some(data_variance),
        }
    };
    let variances: Vec<Option<f64>> = (0..schedule.len()).map(variance).collect();
    best_of_visited(schedule, &variances, num_steps)
}

/// The `num_steps` times, noisiest first, with the least variational bound. `variances[t]` is the mean variance V of
/// x0 given z at each of the schedule's T times: that of an exact network, or the mean squared error of another (Bao
/// et al. 2022, arXiv:2206.07309). The search is dynamic programming in O(K T^2).
///
/// T - 1 and 0 are always among the result, except that one step is `[T - 1]`. The result is best for the likelihood,
/// not for the look of images. Among equal paths any one may be returned.
///
/// A jump r -> s costs `ln(1 + beta_rs V_r SNR_s / sigma_r^2)`, twice its KL divergence per dimension. The paper's
/// `ln(1 - beta_rs Gamma_r)` is that plus `ln(SNR_r / SNR_s)`, whose sum is the same on every path. At zero terminal
/// SNR, however, it is minus infinity for every first jump and distinguishes no paths.
///
/// # Errors
///
/// [`TrajectoryError`] unless `1 <= num_steps <= T` and every time has one finite variance that is not negative.
pub fn best_trajectory(
    schedule: &DiscreteSchedule,
    variances: &[f64],
    num_steps: usize,
) -> Result<Vec<usize>, TrajectoryError> {
    check("variances", schedule.len(), variances, num_steps)?;
    let variances: Vec<Option<f64>> = variances.iter().copied().map(Some).collect();
    best_of_visited(schedule, &variances, num_steps)
}

/// The best path over the times that have a variance; both ends have one.
fn best_of_visited(
    schedule: &DiscreteSchedule,
    variances: &[Option<f64>],
    num_steps: usize,
) -> Result<Vec<usize>, TrajectoryError> {
    if num_steps == 1 {
        return Ok(vec![schedule.len() - 1]);
    }
    let visited = |t: usize| Some((t, (schedule.at(t), variances[t]?)));
    let (times, points): (Vec<usize>, Vec<(NoiseLevel, f64)>) =
        (0..schedule.len()).rev().filter_map(visited).unzip();
    if times.len() < num_steps {
        let (times, left) = (schedule.len(), times.len());
        return Err(TrajectoryError::TooFewTimes { num_steps, times, left });
    }
    let path = cheapest_path(&costs(&points), num_steps);
    Ok(path.into_iter().map(|place| times[place]).collect())
}

fn is_valid(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}

fn check(
    name: &'static str,
    times: usize,
    entries: &[f64],
    num_steps: usize,
) -> Result<(), TrajectoryError> {
    if num_steps == 0 {
        return Err(TrajectoryError::NoSteps);
    }
    if num_steps > times {
        return Err(TrajectoryError::TooManySteps { num_steps, times });
    }
    if entries.len() != times {
        return Err(TrajectoryError::Length { name, found: entries.len(), expected: times });
    }
    match entries.iter().position(|&entry| !is_valid(entry)) {
        Some(t) => Err(TrajectoryError::OutOfRange { name, t, value: entries[t] }),
        None => Ok(()),
    }
}

/// `costs[s][r]`, r < s: the cost of the jump between the places r and s, noisiest first. A place is a level and its
/// V.
fn costs(points: &[(NoiseLevel, f64)]) -> Vec<Vec<f64>> {
    let jumps_to = |(s, &(to, _)): (usize, &(NoiseLevel, f64))| {
        points[..s].iter().map(|&from| jump_cost(from, to)).collect()
    };
    points.iter().enumerate().map(jumps_to).collect()
}

/// Twice the KL divergence per dimension of the jump from the jump with known x0.
fn jump_cost((from, variance): (NoiseLevel, f64), to: NoiseLevel) -> f64 {
    (beta_between(from, to) * variance * to.snr() / from.sigma().powi(2)).ln_1p()
}

/// The cheapest path of `num_steps >= 2` places from the first to the last.
fn cheapest_path(costs: &[Vec<f64>], num_steps: usize) -> Vec<usize> {
    let last = costs.len() - 1;
    // The cheapest way to every place so far: at first only the first place is reached.
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

/// The place to step from, and the whole cost then. `costs` are those from the places before it.
fn cheapest_step(best: &[f64], costs: &[f64]) -> (usize, f64) {
    let mut cheapest = (0, f64::INFINITY);
    for (from, (so_far, cost)) in best.iter().zip(costs).enumerate() {
        if so_far + cost < cheapest.1 {
            cheapest = (from, so_far + cost);
        }
    }
    cheapest
}
