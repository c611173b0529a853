//! Samplers that are the same walk under other names.

use burn::tensor::DType;
use halfstep_core::NoiseLevel;
use halfstep_sample::{OdeVariable, SamplerKind, SamplerOptions};

use crate::oracles::*;
use crate::support::*;

/// DDIM, its rotation, both first-order DPM-Solvers, and Euler in sigma / alpha and alpha / sigma.
#[test]
fn ddim_has_six_names() {
    let oracle = mixture();
    let grid: Vec<_> =
        (0..=20).map(|i| NoiseLevel::from_log_snr(-7.0 + 0.7 * f64::from(i))).collect();
    let mut grid = points(&grid);
    grid.push(halfstep_core::TimePoint::CLEAN);
    let end = |kind: SamplerKind, variable| {
        let options = SamplerOptions { variable, ..SamplerOptions::default() };
        let sampler = kind.build(&options).unwrap();
        walk_ode(sampler.as_ref(), &oracle, &[0.6, -0.4], &grid).unwrap()
    };
    let ddim = end(by_name("ddim"), None);
    for (name, variable) in [
        ("angular", None),
        ("dpm-solver-1", None),
        ("dpm-solver++-1", None),
        ("euler", Some(OdeVariable::Karras)),
        ("euler", Some(OdeVariable::Data)),
    ] {
        // 21 steps whose coefficients are up to 30 times the values: a few dozen roundings.
        assert_close(&end(by_name(name), variable), &ddim, 1e-13, format!("{name} {variable:?}"));
    }
}

/// A batch is walked image by image: no sampler lets images see each other.
#[test]
fn images_do_not_see_each_other() {
    let oracle = mixture();
    let grid = from_pure_noise(8);
    let starts = [0.6, -0.4, 1.3, 0.2, -0.9, -1.1];
    for &kind in SamplerKind::all().iter().filter(|kind| kind.entry().order.is_some()) {
        let sampler = build(kind, 8);
        let noise = &mut |_| panic!("{kind} asked for noise");
        let Ok(together) =
            walk(sampler.as_ref(), &oracle, batch(&starts, 3, DType::F64), &grid, noise)
        else {
            continue; // it does not start at pure noise: see `ends`
        };
        let together = values(together);
        for (k, start) in starts.chunks(2).enumerate() {
            let alone = walk_ode(sampler.as_ref(), &oracle, start, &grid).unwrap();
            assert_close(&alone, &together[2 * k..2 * k + 2], 1e-12, kind);
        }
    }
}
