//! Bound and density against distributions with a known density.

use std::ops::ControlFlow;

use burn::tensor::{Device, Tensor, TensorData};
use halfstep_core::rng::{Purpose, Stream, noise};
use halfstep_core::{
    Denoiser, DiscreteSchedule, GaussianOracle, MixtureOracle, NoiseLevel, ScheduleConfig,
    ScheduleName, TimePoint, optimal_trajectory,
};
use halfstep_eval::{
    BoundParts, Decoder, DenoisingErrors, EvalError, ProbabilityFlow, bits_per_dim,
};

const SHAPE: [usize; 3] = [1, 2, 4];
const DIM: usize = 8;

/// A schedule that ends in pure noise.
fn schedule() -> DiscreteSchedule {
    let config = ScheduleConfig {
        train_timesteps: 256,
        zero_terminal_snr: true,
        ..ScheduleConfig::new(ScheduleName::Cosine)
    };
    config.build().unwrap()
}

fn copies(x: &[f64], count: usize, device: &Device) -> Tensor<4> {
    let values: Vec<f32> = x.iter().map(|&x| x as f32).cycle().take(count * DIM).collect();
    let [channels, height, width] = SHAPE;
    Tensor::from_data(TensorData::new(values, [count, channels, height, width]), device)
}

/// The mean and its standard error.
fn mean(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, (variance / count).sqrt())
}

fn ln_gaussian(x: &[f64], mean: &[f64], var: &[f64]) -> f64 {
    let each = x.iter().zip(mean).zip(var);
    each.map(|((x, mean), var)| {
        -0.5 * ((x - mean).powi(2) / var + (2.0 * std::f64::consts::PI * var).ln())
    })
    .sum()
}

/// The bound of one point, estimated with `count` noises: mean and standard error.
fn bound(
    denoiser: &dyn Denoiser,
    data_variance: &dyn Fn(TimePoint) -> f64,
    times: &[usize],
    x: &[f64],
    count: usize,
) -> (f64, f64) {
    let schedule = schedule();
    let grid = schedule.points(times);
    let device = Device::flex();
    let mut noises = |index: usize| {
        let values = noise(5, Purpose::SampleNoise { step: index as u32 }, 0..count as u64, DIM);
        let [channels, height, width] = SHAPE;
        Tensor::from_data(TensorData::new(values, [count, channels, height, width]), &device)
    };
    let x0 = copies(x, count, &device);
    let errors = DenoisingErrors::measure(&grid, denoiser, x0, &mut noises, &mut going_on).unwrap();
    let variances: Vec<f64> = grid.iter().map(|&at| data_variance(at)).collect();
    let parts = errors.bound(&variances, Decoder::Continuous).unwrap();
    assert!(parts.iter().all(|parts| parts.prior.abs() < 1e-9), "the schedule ends in pure noise");
    mean(&parts.iter().map(BoundParts::total).collect::<Vec<f64>>())
}

fn evenly(count: usize) -> Vec<usize> {
    (1..=count).rev().map(|i| i * 256 / count - 1).chain([0]).collect()
}

/// With equal variances in all directions the optimal steps reverse the noising exactly, so the bound equals the
/// density for any number of steps.
#[test]
fn the_bound_is_the_density_where_the_steps_are_exact() {
    let (var, count) = (0.09, 4096);
    let means: Vec<f64> = (0..DIM).map(|j| 0.2 * j as f64 - 0.5).collect();
    let oracle = GaussianOracle::new(means.clone(), vec![var; DIM]).unwrap();
    let v = |at: TimePoint| {
        let (alpha2, sigma2) = (at.level.alpha_bar(), at.level.sigma().powi(2));
        sigma2 * var / (alpha2 * var + sigma2)
    };
    let x: Vec<f64> = means.iter().enumerate().map(|(j, m)| m + 0.1 * j as f64 - 0.3).collect();
    let exact = -ln_gaussian(&x, &means, &[var; DIM]);
    for steps in [2, 5, 32] {
        let (found, error) = bound(&oracle, &v, &evenly(steps), &x, count);
        assert!((found - exact).abs() < 4.0 * error, "{steps}: {found} +- {error}, {exact}");
        // A hundredth of a bit per dimension, so that four standard errors are a small tolerance.
        assert!(error < 0.01 * DIM as f64 * std::f64::consts::LN_2, "{steps}: {error}");
    }
}

/// With unequal variances the bound is above the density. More steps lower it, and so do chosen steps.
#[test]
fn the_bound_is_above_the_density_and_falls_with_more_and_better_steps() {
    let count = 8192;
    let var: Vec<f64> = (0..DIM).map(|j| [1e-4, 1.0][j % 2]).collect();
    let means = vec![0.0; DIM];
    let oracle = GaussianOracle::new(means.clone(), var.clone()).unwrap();
    let v = |at: TimePoint| oracle.optimal_x0_mse(at.level);
    let x: Vec<f64> = var.iter().map(|var| var.sqrt()).collect();
    let exact = -ln_gaussian(&x, &means, &var);
    let measured = |times: &[usize]| bound(&oracle, &v, times, &x, count);
    let schedule = schedule();
    let eps_norm2: Vec<f64> = (0..schedule.len())
        .map(|t| oracle.gamma(schedule.at(t)) * schedule.at(t).sigma().powi(2))
        .collect();
    let unknown = oracle.optimal_x0_mse(schedule.at(schedule.len() - 1));
    let best = |steps| optimal_trajectory(&schedule, &eps_norm2, unknown, steps).unwrap();
    let (few, few_error) = measured(&evenly(7));
    let (chosen, chosen_error) = measured(&best(8));
    let (many, many_error) = measured(&best(64));
    assert!(many - 4.0 * many_error > exact, "{many} +- {many_error}, {exact}");
    assert!(chosen - 4.0 * chosen_error > many, "{chosen} +- {chosen_error}, {many}");
    assert!(few - 4.0 * few_error > chosen, "{few} +- {few_error}, {chosen}");
}

fn going_on(_: usize) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn flow<'a>(locate: &'a dyn Fn(NoiseLevel) -> TimePoint, num_steps: usize) -> ProbabilityFlow<'a> {
    let schedule = schedule();
    let (from, to) = (schedule.at(0), schedule.at(schedule.len() - 1));
    ProbabilityFlow { from, to, locate, num_steps }
}

/// For a diagonal Jacobian one probe of -1 and 1 gives the exact trace. What remains is the solver's error, of fourth
/// order down to rounding.
#[test]
fn the_flows_density_is_the_gaussians_with_an_error_of_fourth_order() {
    let schedule = schedule();
    let means: Vec<f64> = (0..DIM).map(|j| 0.2 * j as f64 - 0.5).collect();
    let var: Vec<f64> = (0..DIM).map(|j| 0.01 + 0.2 * j as f64).collect();
    let oracle = GaussianOracle::new(means.clone(), var).unwrap();
    let start = schedule.at(0);
    let z: Vec<f64> = (0..DIM).map(|j| 0.3 * j as f64 - 0.7).collect();
    let shifted: Vec<f64> = means.iter().map(|mean| start.alpha() * mean).collect();
    let exact = ln_gaussian(&z, &shifted, &oracle.marginal_var(start));
    let device = Device::flex().autodiff();
    let locate = |level| schedule.point_at(level);
    let error = |steps: usize| {
        let (z, probes) = (copies(&z, 1, &device), copies(&[1.0, -1.0], 1, &device));
        let found = flow(&locate, steps).log_density(&oracle, z, probes, &mut going_on).unwrap();
        (found[0] - exact).abs()
    };
    let [coarse, fine, finest] = [8, 16, 64].map(error);
    // Between third and fifth order; f32 sums of numbers up to 1e3 leave about 1e-3.
    assert!((8.0..32.0).contains(&(coarse / fine)), "{coarse} {fine}");
    assert!(finest < 2e-3, "{finest} of {exact}");
}

/// A mixture's Jacobian is full: each probe's trace is an estimate, which is right on average.
#[test]
fn the_flows_density_is_the_mixtures_on_average_over_probes() {
    let schedule = schedule();
    let center = |side: f64| (0..DIM).map(|j| side * (0.2 + 0.05 * j as f64)).collect::<Vec<_>>();
    let oracle =
        MixtureOracle::new(vec![1.0, 2.0], vec![center(1.0), center(-1.0)], vec![0.04, 0.01])
            .unwrap();
    let z: Vec<f64> = (0..DIM).map(|j| 0.1 + 0.02 * j as f64).collect();
    let exact = oracle.log_density(&z, schedule.at(0));
    let (count, device) = (4096, Device::flex().autodiff());
    let mut stream = Stream::new(9, Purpose::Evaluation, 0);
    let probes: Vec<f32> =
        (0..count * DIM).map(|_| if stream.uniform() < 0.5 { -1.0 } else { 1.0 }).collect();
    let [channels, height, width] = SHAPE;
    let probes =
        Tensor::from_data(TensorData::new(probes, [count, channels, height, width]), &device);
    let locate = |level| schedule.point_at(level);
    let found = flow(&locate, 48)
        .log_density(&oracle, copies(&z, count, &device), probes, &mut going_on)
        .unwrap();
    let (found, error) = mean(&found);
    // The solver's error at 48 steps is about 1e-3 here.
    assert!((found - exact).abs() < 4.0 * error + 2e-3, "{found} +- {error}, {exact}");
    assert!(error < 0.2, "{error}");
}

#[test]
fn both_methods_stop_when_the_callback_breaks() {
    let schedule = schedule();
    let oracle = GaussianOracle::new(vec![0.0; DIM], vec![1.0; DIM]).unwrap();
    let mut steps = Vec::new();
    let mut third = |step| {
        steps.push(step);
        if step == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let device = Device::flex();
    let (grid, x0) = (schedule.points(&[200, 150, 100, 50]), copies(&[0.5], 2, &device));
    let errors =
        DenoisingErrors::measure(&grid, &oracle, x0.clone(), &mut |_| x0.clone(), &mut third);
    assert!(matches!(errors, Err(EvalError::Stopped)));
    let device = device.autodiff();
    let (z, probes) = (copies(&[0.5], 2, &device), copies(&[1.0], 2, &device));
    let locate = |level| schedule.point_at(level);
    let density = flow(&locate, 4).log_density(&oracle, z, probes, &mut third);
    assert!(matches!(density, Err(EvalError::Stopped)));
    assert_eq!(steps, [1, 2, 3, 1, 2, 3]);
}

/// A uniform distribution over bytes has 8 bits per value.
#[test]
fn bits_per_dim_divides_nats_by_values_and_ln_2() {
    let nats = 10.0 * 256f64.ln();
    assert!((bits_per_dim(nats, 10) - 8.0).abs() < 1e-12);
}
