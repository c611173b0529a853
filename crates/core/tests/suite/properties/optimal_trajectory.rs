//! The optimal trajectory against every other trajectory.

use halfstep_core::{
    CosineSchedule, DdpmContinuousSchedule, DiscreteSchedule, GaussianOracle, NoiseLevel,
    TrajectoryError, best_trajectory, optimal_trajectory, posterior,
};

use crate::support::scatter;

/// A few schedules of T levels, with and without zero terminal SNR.
fn schedules(t: usize) -> Vec<DiscreteSchedule> {
    let mut schedules = vec![
        DiscreteSchedule::linear(t, 0.05, 0.5).unwrap(),
        DiscreteSchedule::squaredcos_cap_v2(t).unwrap(),
        DiscreteSchedule::from_continuous(&CosineSchedule::unclipped(), t).unwrap(),
        DiscreteSchedule::from_continuous(&DdpmContinuousSchedule, t).unwrap(),
    ];
    if t > 1 {
        schedules.push(schedules[0].rescale_zero_terminal_snr().unwrap());
    }
    schedules
}

/// A pseudo-random table in (0, 1) that grows with the noise, as measured ones do; `wild` does not.
fn table(t: usize, salt: f64, wild: bool) -> Vec<f64> {
    let random = scatter(t, salt).into_iter().map(|x| 0.5 + x / 4.001);
    random
        .enumerate()
        .map(|(i, x)| if wild { x } else { (i as f64 + x) / (t as f64 + 0.01) })
        .collect()
}

/// The variance of the data where a schedule ends in pure noise.
const DATA_VARIANCE: f64 = 0.3;

/// The variational bound's part that depends on the path, with betas straight from the alphas: the paper's,
/// with Gamma not so small that V were larger than the data's variance; from pure noise, where that is
/// minus infinity, its limit for small alpha_r less `ln alpha_r^2`.
fn cost(schedule: &DiscreteSchedule, eps_norm2: &[f64], path: &[usize]) -> f64 {
    let jump = |pair: &[usize]| {
        let (from, to) = (schedule.at(pair[0]), schedule.at(pair[1]));
        if from.alpha() == 0.0 {
            return (to.karras_sigma().powi(2) + DATA_VARIANCE).ln();
        }
        let beta = 1.0 - (from.alpha() / to.alpha()).powi(2);
        let least = 1.0 - DATA_VARIANCE * from.snr();
        // Above 1 the noisy end alone is visited, and knows nothing of x0.
        let measured = Some(eps_norm2[pair[0]]).filter(|entry| *entry <= 1.0).unwrap_or(least);
        (1.0 - beta * measured.max(least) / from.sigma().powi(2)).ln()
    };
    path.windows(2).map(jump).sum()
}

/// Twice the KL divergence a dimension of a path's steps with optimal variances, by the posterior.
fn divergence(schedule: &DiscreteSchedule, variances: &[f64], path: &[usize]) -> f64 {
    let jump = |pair: &[usize]| {
        let jump = posterior(schedule.at(pair[0]), schedule.at(pair[1]));
        (1.0 + jump.x0_coef.powi(2) * variances[pair[0]] / jump.variance).ln()
    };
    path.windows(2).map(jump).sum()
}

/// Every path of K places from T - 1 to 0.
fn all_paths(t: usize, steps: usize) -> Vec<Vec<usize>> {
    if steps == 1 {
        return vec![vec![t - 1]];
    }
    (0..1_usize << t)
        .map(|chosen| (0..t).rev().filter(|i| chosen >> i & 1 == 1).collect::<Vec<_>>())
        .filter(|path| path.len() == steps && path[0] == t - 1 && path[steps - 1] == 0)
        .collect()
}

fn is_admissible(path: &[usize], eps_norm2: &[f64], t: usize) -> bool {
    path.iter().all(|&i| i == 0 || i == t - 1 || eps_norm2[i] <= 1.0)
}

/// Compares with all admissible paths: the cost, and the path unless another is as good.
fn check(schedule: &DiscreteSchedule, eps_norm2: &[f64], steps: usize) {
    let t = schedule.len();
    let path = optimal_trajectory(schedule, eps_norm2, DATA_VARIANCE, steps).unwrap();
    let what = format!("T = {t}, K = {steps}, {eps_norm2:?}");
    let mut others: Vec<(f64, Vec<usize>)> = all_paths(t, steps)
        .into_iter()
        .filter(|path| is_admissible(path, eps_norm2, t))
        .map(|path| (cost(schedule, eps_norm2, &path), path))
        .collect();
    others.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(others.iter().any(|(_, other)| *other == path), "{what}: {path:?} is no path");
    let found = cost(schedule, eps_norm2, &path);
    assert!((found - others[0].0).abs() < 1e-11, "{what}: {found} for {path:?}, not {others:?}");
    let tied = others.get(1).is_some_and(|second| second.0 - others[0].0 < 1e-9);
    assert!(tied || path == others[0].1, "{what}: {path:?}, expected {:?}", others[0]);
}

#[test]
fn no_path_is_better() {
    let mut checked = 0;
    for t in [1, 2, 3, 5, 8, 10] {
        for schedule in schedules(t) {
            for salt in [1.0, 2.0, 3.0, 4.0] {
                for wild in [false, true] {
                    for steps in 1..=t {
                        check(&schedule, &table(t, salt, wild), steps);
                        checked += 1;
                    }
                }
            }
        }
    }
    assert_eq!(checked, 8 * (4 + 5 * (2 + 3 + 5 + 8 + 10)));
}

/// Entries above 1 drop the time; at the noisy end they leave the variance of the data.
#[test]
fn times_where_the_network_is_wrong_are_not_visited() {
    let t = 9;
    for schedule in schedules(t) {
        for salt in [1.0, 2.0, 3.0] {
            let mut eps_norm2 = table(t, salt, true);
            for i in [0, 4, 5, 8] {
                eps_norm2[i] = 1.0 + i as f64 / 100.0 + 1e-9;
            }
            for steps in 1..=7 {
                let path = optimal_trajectory(&schedule, &eps_norm2, DATA_VARIANCE, steps).unwrap();
                assert!(!path.contains(&4) && !path.contains(&5), "{path:?}");
                check(&schedule, &eps_norm2, steps);
            }
            let error = optimal_trajectory(&schedule, &eps_norm2, DATA_VARIANCE, 8).unwrap_err();
            assert_eq!(error, TrajectoryError::TooFewTimes { num_steps: 8, times: 9, left: 7 });
            assert!(error.to_string().contains("at most 7 steps"), "{error}");
        }
    }
}

/// Pure noise carries no information about x0, whatever was measured there.
#[test]
fn at_zero_terminal_snr_the_first_entry_does_not_matter() {
    let t = 10;
    let schedule = DiscreteSchedule::from_continuous(&CosineSchedule::unclipped(), t).unwrap();
    assert_eq!(posterior(NoiseLevel::PURE_NOISE, schedule.at(3)).beta, 1.0);
    let mut eps_norm2 = table(t, 5.0, false);
    for steps in 2..=t {
        let paths = [0.5, 0.999, 1.0, 1.001, 3.0].map(|entry| {
            eps_norm2[t - 1] = entry;
            optimal_trajectory(&schedule, &eps_norm2, DATA_VARIANCE, steps).unwrap()
        });
        assert!(paths.iter().all(|path| *path == paths[0]), "{paths:?}");
    }
}

/// From pure noise, the first jump costs what the KL divergence of the exact posterior from the model's step
/// costs, and that depends on where it goes: no path of an exact Gaussian's has a lower bound.
#[test]
fn at_zero_terminal_snr_the_first_jump_has_its_cost() {
    let t = 10;
    let schedule = DiscreteSchedule::from_continuous(&CosineSchedule::unclipped(), t).unwrap();
    let data = GaussianOracle::new(vec![0.0; 2], vec![1e-4, 1.0]).unwrap();
    let eps_norm2: Vec<f64> =
        (0..t).map(|i| data.gamma(schedule.at(i)) * schedule.at(i).sigma().powi(2)).collect();
    let variances: Vec<f64> = (0..t).map(|i| data.optimal_x0_mse(schedule.at(i))).collect();
    let bound = |path: &[usize]| divergence(&schedule, &variances, path);
    let unknown = variances[t - 1];
    let mut blind_is_worse = 0;
    for steps in 3..t {
        let path = optimal_trajectory(&schedule, &eps_norm2, unknown, steps).unwrap();
        assert_eq!(path, best_trajectory(&schedule, &variances, steps).unwrap());
        let found = bound(&path);
        let paths = all_paths(t, steps);
        assert!(paths.iter().all(|path| found < bound(path) + 1e-9), "{steps}");
        // The best of what comes after the first jump is not the best of all.
        let rest = |path: &Vec<usize>| bound(&path[1..]);
        let blind = paths.iter().min_by(|a, b| rest(a).total_cmp(&rest(b))).unwrap();
        blind_is_worse += usize::from(bound(blind) > found + 1e-3);
    }
    assert!(blind_is_worse > 3, "{blind_is_worse}");
}

/// Of standard normal data the costs telescope to `2 ln(sigma_T / sigma_0)`.
#[test]
fn all_paths_through_standard_normal_data_are_equal() {
    for t in [4, 9] {
        for schedule in schedules(t) {
            // Nothing but noise: z leaves sigma^2 unknown.
            let variances: Vec<f64> = (0..t).map(|i| schedule.at(i).sigma().powi(2)).collect();
            let whole = -2.0 * schedule.at(0).sigma().ln() + 2.0 * schedule.at(t - 1).sigma().ln();
            for steps in 2..=t {
                let path = best_trajectory(&schedule, &variances, steps).unwrap();
                assert_eq!((path.len(), path[0], path[steps - 1]), (steps, t - 1, 0));
                assert!((divergence(&schedule, &variances, &path) - whole).abs() < 1e-9);
            }
        }
    }
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let schedule = DiscreteSchedule::linear(4, 0.1, 0.4).unwrap();
    let table = [0.1, 0.2, 0.3, 0.4];
    let error = |table: &[f64], steps| {
        optimal_trajectory(&schedule, table, DATA_VARIANCE, steps).unwrap_err()
    };
    assert_eq!(error(&table, 0), TrajectoryError::NoSteps);
    assert_eq!(error(&table, 5), TrajectoryError::TooManySteps { num_steps: 5, times: 4 });
    assert_eq!(
        error(&table[..3], 2),
        TrajectoryError::Length { name: "eps_norm2", found: 3, expected: 4 }
    );
    for wrong in [f64::NAN, f64::INFINITY, -0.1] {
        let message =
            best_trajectory(&schedule, &[0.1, wrong, 0.3, 0.4], 2).unwrap_err().to_string();
        assert!(message.starts_with("`variances`[1] = "), "{message}");
        let message = optimal_trajectory(&schedule, &table, wrong, 2).unwrap_err().to_string();
        assert!(message.starts_with("data_variance = "), "{message}");
        let message = error(&[0.1, 0.2, wrong, 0.4], 2).to_string();
        assert!(message.starts_with("`eps_norm2`[2] = "), "{message}");
    }
}

#[test]
fn the_ends_are_always_visited() {
    let schedule = DiscreteSchedule::linear(1024, 1e-4, 0.02).unwrap();
    let eps_norm2 = table(1024, 1.0, false);
    assert_eq!(optimal_trajectory(&schedule, &eps_norm2, DATA_VARIANCE, 1).unwrap(), [1023]);
    assert_eq!(optimal_trajectory(&schedule, &eps_norm2, DATA_VARIANCE, 2).unwrap(), [1023, 0]);
    let all: Vec<usize> = (0..1024).rev().collect();
    assert_eq!(optimal_trajectory(&schedule, &eps_norm2, DATA_VARIANCE, 1024).unwrap(), all);
}

#[test]
fn fifty_of_1024_steps_come_in_strictly_descending_order() {
    let schedule = DiscreteSchedule::from_continuous(&CosineSchedule::unclipped(), 1024).unwrap();
    let eps_norm2 = table(1024, 2.0, false);
    let path = optimal_trajectory(&schedule, &eps_norm2, DATA_VARIANCE, 50).unwrap();
    assert_eq!(path.len(), 50);
    assert!(path.is_sorted_by(|a, b| a > b));
}
