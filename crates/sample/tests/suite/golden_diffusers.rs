//! 124 DPM-Solver runs and 151 DDIM runs of diffusers, and which of them are the published methods.

use burn::tensor::{DType, Tensor};
use halfstep_core::{NoiseLevel, Prediction, PredictionType, TimePoint, TimestepSpacing, X0Clip};
use halfstep_sample::methods::exponential::{Correction, SolverForm};
use halfstep_sample::{
    Ddim, DiffusersDdim, DiffusersMultistep, DiffusersSinglestep, DpmMultistep, DpmSinglestep,
    GridKind, Sampler, StepOrders, Trajectory, continuous_grid, diffusers_ddim_targets,
    diffusers_dpm_grid, sampling_grid,
};
use serde_json::Value;

use crate::oracles::core_fixture;
use crate::support::*;

const TOLERANCE: f64 = 1e-10;
/// At squaredcos's t = 999 the eps forms divide by an alpha of 5e-5, and z / alpha all but cancels.
/// diffusers itself is 1.4e-10 off the same formula in 80-bit floats there (singlestep entry 33, step
/// 1), and so are we, to the other side.
const EPS_FORM_TOLERANCE: f64 = 1e-9;

fn tolerance(entry: &Value) -> f64 {
    let eps_form = entry.get("algorithm_type").is_some() && form(entry).needs_signal();
    let steep = text(entry, "beta_schedule") == "squaredcos_cap_v2";
    if eps_form && steep { EPS_FORM_TOLERANCE } else { TOLERANCE }
}

/// diffusers' stand-in for a network, called with the times that diffusers calls it with.
fn toy(kind: PredictionType) -> impl Fn(Tensor<4>, &[TimePoint]) -> Prediction {
    move |z, at| Prediction::new(kind, toy_denoiser(&z, at[0].t as usize), z, &[at[0].level])
}

/// z after every step.
fn trajectory(
    golden: &Value,
    entry: &Value,
    sampler: &dyn Sampler,
    grid: &[TimePoint],
) -> Vec<Vec<f64>> {
    let noises = list(golden, "noises");
    let mut steps = Vec::new();
    let end = sampler.sample(Trajectory {
        denoiser: &toy(kind(entry)),
        start: tensor(&numbers(&golden["x_T"]), DType::F64),
        grid,
        locate: &|level| panic!("no call between the grid's points, and not at {level:?}"),
        noise: &mut |jump| tensor(&numbers(&noises[jump.index]), DType::F64),
        on_step: &mut |step| {
            steps.push(values(step.z.clone()));
            Ok(())
        },
    });
    end.unwrap();
    steps
}

fn assert_trajectory(
    golden: &Value,
    entry: &Value,
    sampler: &dyn Sampler,
    grid: &[TimePoint],
    what: &str,
) {
    let got = trajectory(golden, entry, sampler, grid);
    let want = list(entry, "x");
    assert_eq!(got.len(), want.len(), "{what}");
    for (k, (got, want)) in got.iter().zip(want).enumerate() {
        assert_close(got, &numbers(want), tolerance(entry), format!("{what} step {k}"));
    }
}

fn form(entry: &Value) -> SolverForm {
    match text(entry, "algorithm_type") {
        "dpmsolver" => SolverForm::Noise,
        "dpmsolver++" => SolverForm::Data,
        "sde-dpmsolver" => SolverForm::NoiseSde,
        "sde-dpmsolver++" => SolverForm::DataSde,
        other => panic!("unknown algorithm {other}"),
    }
}

fn correction(entry: &Value) -> Correction {
    match text(entry, "solver_type") {
        "midpoint" => Correction::Midpoint,
        "heun" => Correction::Heun,
        other => panic!("unknown solver type {other}"),
    }
}

/// The grid that diffusers lists, checked against its `sigmas` (sigma / alpha), and whether it is
/// one of ours by default.
fn grid(entry: &Value) -> Vec<TimePoint> {
    let schedule = schedule(entry);
    let times = indices(&entry["timesteps"]);
    let clean = text(entry, "final_sigmas_type") == "zero";
    let spacing: TimestepSpacing = match entry.get("timestep_spacing") {
        Some(name) => serde_json::from_value(name.clone()).unwrap(),
        None => TimestepSpacing::Linspace,
    };
    let asked = |key: &str| entry.get(key) == Some(&Value::Bool(true));
    let continuous = match (asked("use_karras_sigmas"), asked("use_lu_lambdas")) {
        (true, _) => Some(GridKind::Karras),
        (_, true) => Some(GridKind::Lambda),
        _ => None,
    };
    let mut grid = match continuous {
        Some(kind) => continuous_grid(&schedule, kind, 10).unwrap(),
        None => diffusers_dpm_grid(&schedule, spacing, 10, 0, clean).unwrap(),
    };
    for (point, &t) in grid.iter_mut().zip(&times) {
        // diffusers rounds the time of a level between two; ours is fractional and interpolated in
        // the angle, not in ln sigma.
        assert!((point.t - t as f64).abs() < 1.0, "{} is {t} in diffusers", point.t);
        point.t = t as f64;
    }
    let sigmas: Vec<f64> = grid.iter().map(|point| point.level.karras_sigma()).collect();
    assert_close(&sigmas, &numbers(&entry["sigmas"]), 1e-9, "sigmas");
    grid
}

#[test]
fn multistep() {
    let golden = fixture("e_dpmsolver");
    let (mut ours, mut compat) = (0, 0);
    for (i, entry) in list(&golden, "multistep").iter().enumerate() {
        let order = index(entry, "solver_order");
        let (name, form, correction) = ("multistep", form(entry), correction(entry));
        let lower_order_final = entry["lower_order_final"].as_bool().unwrap_or(true);
        let (eased, clip) = (false, None);
        let sampler: Box<dyn Sampler> = match order {
            3 => Box::new(DiffusersMultistep {
                name,
                form,
                order,
                correction,
                lower_order_final,
                clip,
            }),
            _ => Box::new(DpmMultistep {
                name,
                form,
                order,
                correction,
                lower_order_final,
                eased,
                clip,
            }),
        };
        let what = format!("entry {i}: {} order {order}", text(entry, "algorithm_type"));
        assert_trajectory(&golden, entry, sampler.as_ref(), &grid(entry), &what);
        if order == 3 { compat += 1 } else { ours += 1 }
    }
    assert_eq!((ours, compat), (65, 19), "the method as it is, and diffusers' order 3");
}

#[test]
fn singlestep() {
    let golden = fixture("e_dpmsolver");
    let (mut ours, mut compat) = (0, 0);
    for (i, entry) in list(&golden, "singlestep").iter().enumerate() {
        let order = index(entry, "solver_order");
        let (name, form, correction) = ("singlestep", form(entry), correction(entry));
        let clip = None;
        let sampler: Box<dyn Sampler> = match order {
            1 => {
                let orders = StepOrders::Constant(1);
                Box::new(DpmSinglestep { name, form, orders, correction, clip })
            }
            _ => Box::new(DiffusersSinglestep { name, form, order, correction, clip }),
        };
        let what = format!("entry {i}: {} order {order}", text(entry, "algorithm_type"));
        assert_trajectory(&golden, entry, sampler.as_ref(), &grid(entry), &what);
        if order == 1 { ours += 1 } else { compat += 1 }
    }
    assert_eq!((ours, compat), (8, 32), "order 1, and calls at the grid's own points");
}

/// Runs whose next listed time is t - 100 are the method; the rest need the compatibility mode.
#[test]
fn ddim() {
    let golden = core_fixture("c_ddim");
    let (mut ours, mut compat) = (0, 0);
    for (i, entry) in list(&golden, "entries").iter().enumerate() {
        let schedule = schedule(entry);
        let spacing: TimestepSpacing =
            serde_json::from_value(entry["timestep_spacing"].clone()).unwrap();
        let mut grid = sampling_grid(&schedule, spacing, 10, index(entry, "steps_offset")).unwrap();
        let to_one = flag(entry, "set_alpha_to_one");
        if !to_one {
            *grid.last_mut().unwrap() = schedule.point(0);
        }
        let times = indices(&entry["timesteps"]);
        let targets = diffusers_ddim_targets(&schedule, &times, 10, to_one);
        let listed: Vec<NoiseLevel> = grid[1..].iter().map(|point| point.level).collect();
        let same = targets == listed;
        let clip = flag(entry, "clip_sample").then_some(X0Clip::Static { bound: 1.0 });
        let published = Ddim { eta: number(entry, "eta"), clip };
        let sampler: Box<dyn Sampler> = match same {
            true => Box::new(published),
            false => Box::new(DiffusersDdim { ddim: published, targets }),
        };
        assert_trajectory(&golden, entry, sampler.as_ref(), &grid, &format!("entry {i}"));
        if same { ours += 1 } else { compat += 1 }
    }
    assert_eq!((ours, compat), (103, 48), "the method as it is, and diffusers' t - T/N");
}

/// Without the compatibility mode, linspace goes to the next listed time: another image.
#[test]
fn the_default_is_not_diffusers_where_that_is_wrong() {
    let golden = core_fixture("c_ddim");
    let entry = list(&golden, "entries")
        .iter()
        .find(|entry| text(entry, "timestep_spacing") == "linspace" && number(entry, "eta") == 0.0)
        .unwrap();
    let schedule = schedule(entry);
    let grid = sampling_grid(&schedule, TimestepSpacing::Linspace, 10, 0).unwrap();
    let sampler = Ddim { clip: Some(X0Clip::Static { bound: 1.0 }), ..Ddim::default() };
    let got = trajectory(&golden, entry, &sampler, &grid);
    let want = numbers(list(entry, "x").last().unwrap());
    let difference = got.last().unwrap().iter().zip(&want).map(|(a, b)| (a - b).abs());
    assert!(difference.fold(0.0, f64::max) > 1e-4);
}
