//! Multistep solvers on every grid in 5 to 50 steps: nearer than DDIM and than diffusers' solvers, and
//! the nearer the more steps, also where a step is long in lambda.

use std::f64::consts::{GOLDEN_RATIO, TAU};

use burn::tensor::{DType, Tensor};
use halfstep_core::{
    DiscreteSchedule, MixtureOracle, NoiseLevel, ScheduleConfig, ScheduleName, TimePoint,
    TimestepSpacing,
};
use halfstep_sample::{
    DiffusersForm, GridKind, GridLayout, Sampler, SamplerKind, SamplerOptions, diffusers_dpm_grid,
    draw_with, listed_grid, sampling_grid,
};

use crate::oracles::*;
use crate::support::*;

const STEPS: [usize; 5] = [5, 10, 15, 20, 50];
const KINDS: [GridKind; 6] = [
    GridKind::Leading,
    GridKind::Trailing,
    GridKind::Linspace,
    GridKind::Lambda,
    GridKind::Karras,
    GridKind::Phi,
];

/// Where two formulas differ in one term, either may take a start between two modes to the wrong one. A
/// single start there adds up to 6e-4 to the mean over all; this is a sixth of it.
const BY_CHANCE: f64 = 1e-4;

/// Start points. The distance is a mean over all: of one point it may vanish by chance.
const STARTS: usize = 2000;

/// DDPM's linear betas, and a cosine that ends at pure noise: what diffusers' users and ours have.
fn schedules() -> [(&'static str, DiscreteSchedule); 2] {
    let cosine = ScheduleConfig {
        zero_terminal_snr: true,
        train_timesteps: 1024,
        ..ScheduleConfig::new(ScheduleName::Cosine)
    };
    [
        ("linear", DiscreteSchedule::linear(1000, 1e-4, 0.02).unwrap()),
        ("cosine", cosine.build().unwrap()),
    ]
}

/// Points spread evenly over the normal distribution of the plane: Box and Muller's radius from
/// equidistant quantiles, the angle from multiples of the golden ratio.
fn starts(dtype: DType) -> Tensor<4> {
    let mut values = Vec::with_capacity(2 * STARTS);
    for k in 0..STARTS {
        let part = (k as f64 + 0.5) / STARTS as f64;
        let radius = (-2.0 * (1.0 - part).ln()).sqrt();
        let angle = TAU * (k as f64 * GOLDEN_RATIO).fract();
        values.extend([radius * angle.cos(), radius * angle.sin()]);
    }
    batch(&values, STARTS, dtype)
}

/// Samplers over an exact denoiser.
struct Walks {
    oracle: MixtureOracle,
    schedule: DiscreteSchedule,
    starts: Tensor<4>,
}

impl Walks {
    fn grid(&self, sampler: SamplerKind, kind: GridKind, steps: usize) -> Vec<TimePoint> {
        let layout = GridLayout { kind, ..GridLayout::default() };
        layout.grid(&self.schedule, sampler.grid_rule(), steps).unwrap()
    }

    fn end(&self, sampler: &dyn Sampler, grid: &[TimePoint]) -> Vec<f64> {
        let start = self.starts.clone();
        values(draw_with(sampler, &self.oracle, &self.schedule, grid, start, 0).unwrap())
    }

    /// Mean absolute difference to the ODE's solution from the same level. A mean of squares would be
    /// decided by the few starts between two modes, where the least error ends at the other mode.
    fn distance(&self, ends: &[f64], from: NoiseLevel) -> f64 {
        let exact = self.exact(from);
        let differences = ends.iter().zip(&exact).map(|(a, b)| (a - b).abs());
        differences.sum::<f64>() / exact.len() as f64
    }

    /// 300 steps of order 2, uniform in the angle: at 50 steps of order 2 they are 30 times nearer.
    fn exact(&self, from: NoiseLevel) -> Vec<f64> {
        let level = |i: u32| NoiseLevel::from_phi(from.phi() * f64::from(300 - i) / 300.0);
        let mut grid: Vec<_> = (0..300).map(|i| self.schedule.point_at(level(i))).collect();
        grid[0].level = from;
        grid.push(TimePoint::CLEAN);
        self.end(build(by_name("dpm-solver++-2m"), 300).as_ref(), &grid)
    }
}

fn walks(schedule: DiscreteSchedule) -> Walks {
    Walks { oracle: mixture(), schedule, starts: starts(DType::F64) }
}

/// Distances in [`STEPS`] steps.
fn distances(walks: &Walks, sampler: SamplerKind, kind: GridKind) -> Vec<f64> {
    let distance = |steps: usize| {
        let grid = walks.grid(sampler, kind, steps);
        walks.distance(&walks.end(build(sampler, steps).as_ref(), &grid), grid[0].level)
    };
    STEPS.map(distance).to_vec()
}

fn as_diffusers(sampler: SamplerKind) -> Box<dyn Sampler> {
    let form = DiffusersForm::from_sampler(sampler).unwrap();
    form.build(sampler, &SamplerOptions::default(), Vec::new())
}

fn in_diffusers(walks: &Walks, sampler: SamplerKind, spacing: TimestepSpacing) -> Vec<f64> {
    let solver = as_diffusers(sampler);
    let distance = |steps: usize| {
        let grid = diffusers_dpm_grid(&walks.schedule, spacing, steps, 0, true).unwrap();
        walks.distance(&walks.end(solver.as_ref(), &grid), grid[0].level)
    };
    STEPS.map(distance).to_vec()
}

#[test]
fn multistep_is_nearer_than_ddim_and_diffusers_and_nearer_in_more_steps() {
    for (name, schedule) in schedules() {
        let walks = walks(schedule);
        for kind in KINDS {
            let ddim = distances(&walks, by_name("ddim"), kind);
            println!("| {name} | {kind:?} | ddim | {ddim:.4?} |");
            for sampler in ["dpm-solver++-2m", "dpm-solver++-3m"].map(by_name) {
                let ours = distances(&walks, sampler, kind);
                println!("| {name} | {kind:?} | {sampler} | {ours:.4?} |");
                let what = format!("{sampler} on {kind:?}, {name}: {ours:?}");
                assert!(ours.is_sorted_by(|a, b| a >= b), "{what} is not falling");
                let nearer = ours.iter().zip(&ddim).all(|(ours, ddim)| ours <= ddim);
                assert!(nearer, "{what} against DDIM's {ddim:?}");
                let Some(spacing) = kind.spacing() else { continue };
                let theirs = in_diffusers(&walks, sampler, spacing);
                println!("| {name} | {kind:?} | {sampler}, diffusers | {theirs:.4?} |");
                let near = ours.iter().zip(&theirs).all(|(a, b)| *a <= b + BY_CHANCE);
                assert!(near, "{what} against diffusers' {theirs:?}");
            }
        }
    }
}

/// Times that visit t = 0 after a long step, as a user may list them.
#[test]
fn a_long_step_into_the_first_time_leaves_no_noise() {
    let [(_, linear), _] = schedules();
    let walks = walks(linear);
    let times = [999, 888, 777, 666, 555, 444, 333, 222, 111, 0];
    let grid = listed_grid(&walks.schedule, &times).unwrap();
    let distance = |name: &str| {
        let ends = walks.end(build(by_name(name), 10).as_ref(), &grid);
        walks.distance(&ends, grid[0].level)
    };
    let ddim = distance("ddim");
    for name in ["dpm-solver++-2m", "dpm-solver++-3m"] {
        assert!(distance(name) <= ddim, "{name}: {} against DDIM's {ddim}", distance(name));
    }
}

/// The most that any grid leaves is 1.11, Karras in 10 steps.
const MOST_SPREAD: f64 = 1.15;

/// Noise that a step leaves in the images adds to their spread. The published step into t = 0 leaves much.
#[test]
fn the_sde_form_keeps_the_spread_of_the_data() {
    let [(_, schedule), _] = schedules();
    // Step noise comes as f32.
    let walks = Walks { oracle: mixture(), schedule, starts: starts(DType::F32) };
    let data: f64 = spread(&walks.exact(walks.schedule.at(999)));
    for kind in KINDS {
        let sampler = by_name("dpm-solver++-2m-sde");
        for steps in STEPS {
            let grid = walks.grid(sampler, kind, steps);
            let ends = walks.end(build(sampler, steps).as_ref(), &grid);
            let ratio = spread(&ends) / data;
            println!("| {kind:?} | {steps} | {ratio:.3} |");
            assert!(ratio < MOST_SPREAD, "{kind:?}, {steps} steps: {ratio} of the data's spread");
        }
    }
    let visiting_zero = sampling_grid(&walks.schedule, TimestepSpacing::Linspace, 10, 0).unwrap();
    let published = as_diffusers(by_name("dpm-solver++-2m-sde"));
    let published = walks.end(published.as_ref(), &visiting_zero);
    assert!(spread(&published) > 1.5 * data, "{} of the data's", spread(&published) / data);
}

/// Root of the mean square about the mean.
fn spread(values: &[f64]) -> f64 {
    let mean = [0, 1]
        .map(|axis| values.iter().skip(axis).step_by(2).sum::<f64>() / (values.len() / 2) as f64);
    let squares = values.iter().enumerate().map(|(i, value)| (value - mean[i % 2]).powi(2));
    (squares.sum::<f64>() / values.len() as f64).sqrt()
}

/// LMS is k-diffusion's, and its polynomial is in sigma / alpha, in which no step is out of proportion:
/// its distance falls.
#[test]
fn lms_falls_on_grids_that_visit_the_first_time() {
    let [(_, linear), _] = schedules();
    let walks = walks(linear);
    for kind in [GridKind::Leading, GridKind::Linspace] {
        let distances = distances(&walks, by_name("lms"), kind);
        assert!(distances.is_sorted_by(|a, b| a >= b), "{kind:?}: {distances:?}");
    }
}
