//! What stochastic samplers make of the Gaussian's mean and variance.
//!
//! On a Gaussian every sampler is linear in the start and in each step's noise, so the variance it
//! ends with is a sum of squares that impulses measure exactly; one Monte Carlo run stands beside.

use burn::tensor::{DType, Tensor};
use halfstep_core::rng::{Purpose, noise};
use halfstep_core::{NoiseLevel, TimePoint};
use halfstep_sample::{Ddim, Sampler, SamplerKind};

use crate::oracles::*;
use crate::support::*;

/// Mean and variance of every dimension at the end of the grid, from the exact marginal at its start.
pub fn moments(sampler: &dyn Sampler, grid: &[TimePoint]) -> (Vec<f64>, Vec<f64>) {
    let oracle = gaussian();
    let d = oracle.mean().len();
    let first = grid[0].level;
    let jumps = grid.len() - 1;
    // Image 0 starts at the mean, image 1 one off it; image 2 + k gets a noise of one in jump k.
    let mean: Vec<f64> = oracle.mean().iter().map(|m| m * first.alpha()).collect();
    let mut starts = mean.repeat(jumps + 2);
    starts[d..2 * d].iter_mut().for_each(|x| *x += 1.0);
    let impulse = |k: usize| {
        let mut values = vec![0.0; (jumps + 2) * d];
        values[(k + 2) * d..(k + 3) * d].fill(1.0);
        batch(&values, jumps + 2, DType::F64)
    };
    let start = batch(&starts, jumps + 2, DType::F64);
    let ends =
        values(walk(sampler, &oracle, start, grid, &mut |jump| impulse(jump.index)).unwrap());
    let end = ends[..d].to_vec();
    let start_var = oracle.marginal_var(first);
    let var = (0..d)
        .map(|j| {
            let gain = |image: usize| (ends[image * d + j] - end[j]).powi(2);
            gain(1) * start_var[j] + (2..jumps + 2).map(gain).sum::<f64>()
        })
        .collect();
    (end, var)
}

fn grid(steps: usize) -> Vec<TimePoint> {
    points(&cosine_grid(&core_fixture("x_exact_gaussian"), "lambda-uniform", steps))
}

/// Largest relative error of the variance at the end.
fn error(sampler: &dyn Sampler, steps: usize) -> f64 {
    let grid = grid(steps);
    let oracle = gaussian();
    let last = grid.last().unwrap().level;
    let (mean, var) = moments(sampler, &grid);
    let exact: Vec<f64> = oracle.mean().iter().map(|m| m * last.alpha()).collect();
    assert_close(&mean, &exact, 1e-12, "the mean is kept at any number of steps");
    let exact = oracle.marginal_var(last);
    largest(&var.iter().zip(exact).map(|(got, want)| got / want - 1.0).collect::<Vec<_>>())
}

/// The error of the variance vanishes with the steps, at the order of the method at least: 1 for
/// the ancestral ones, 2 for SDE-DPM-Solver++(2M).
#[test]
fn variance_converges_to_the_gaussians() {
    let ddim = |eta| Box::new(Ddim { eta, ..Ddim::default() }) as Box<dyn Sampler>;
    let cases: [(&str, Box<dyn Sampler>, f64); 4] = [
        ("ddpm", build(by_name("ddpm"), 0), 1.0),
        ("ddim, eta 1", ddim(1.0), 1.0),
        ("ddim, eta 0.5", ddim(0.5), 1.0),
        ("dpm-solver++-2m-sde", build(by_name("dpm-solver++-2m-sde"), 0), 2.0),
    ];
    for (name, sampler, order) in cases {
        let errors = [64, 128, 256].map(|steps| error(sampler.as_ref(), steps));
        let slope = (errors[0] / errors[2]).log2() / 2.0;
        println!("{name}: {errors:?} slope {slope:.2}");
        assert!(slope > order - 0.2, "{name}: {errors:?} slope {slope}");
        assert!(errors[2] < 0.03, "{name}: {errors:?}");
    }
}

/// Fresh noise from the streams that `sample` uses: mean and variance within Monte Carlo error.
#[test]
fn monte_carlo_agrees() {
    let oracle = gaussian();
    let (d, count, steps) = (oracle.mean().len(), 20_000_u64, 64);
    let grid = grid(steps);
    let (first, last) = (grid[0].level, grid[steps].level);
    let normal = |purpose| -> Vec<f64> {
        noise(5, purpose, 0..count, d).into_iter().map(f64::from).collect()
    };
    let marginal = |level: NoiseLevel, j: usize| {
        (oracle.mean()[j] * level.alpha(), oracle.marginal_var(level)[j].sqrt())
    };
    let mut start = normal(Purpose::InitNoise);
    for (i, x) in start.iter_mut().enumerate() {
        let (mean, std) = marginal(first, i % d);
        *x = mean + std * *x;
    }
    let shape = |values: &[f64]| -> Tensor<4> { batch(values, count as usize, DType::F64) };
    for name in ["ddpm", "dpm-solver++-2m-sde"] {
        let kind: SamplerKind = by_name(name);
        let sampler = build(kind, steps);
        let mut fresh = |jump: halfstep_sample::Jump| {
            shape(&normal(Purpose::SampleNoise { step: jump.index as u32 }))
        };
        let ends =
            values(walk(sampler.as_ref(), &oracle, shape(&start), &grid, &mut fresh).unwrap());
        let (_, expected) = moments(sampler.as_ref(), &grid);
        for (j, &expected) in expected.iter().enumerate() {
            let dimension: Vec<f64> = ends.iter().skip(j).step_by(d).copied().collect();
            let n = count as f64;
            let mean = dimension.iter().sum::<f64>() / n;
            let var = dimension.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
            let (want, _) = marginal(last, j);
            // Five standard errors: of a mean, and of a variance (2 / n relative).
            let bound = 5.0 * (expected / n).sqrt();
            assert_within(&[mean], &[want], bound, format!("{name} mean {j}"));
            let bound = 5.0 * expected * (2.0 / n).sqrt();
            assert_within(&[var], &[expected], bound, format!("{name} variance {j}"));
        }
    }
}
