//! Solvers that choose their own steps.

use std::cell::Cell;

use burn::tensor::{DType, Tensor};
use halfstep_core::{Denoiser, TimePoint};
use halfstep_sample::{OdeVariable, Sampler, SamplerOptions, Tolerance};

use crate::oracles::*;
use crate::support::*;

fn sampler(name: &str, tolerance: f64, variable: Option<OdeVariable>) -> Box<dyn Sampler> {
    let tolerance = Tolerance { relative: tolerance, absolute: tolerance };
    by_name(name)
        .build(&SamplerOptions { tolerance, variable, ..SamplerOptions::default() })
        .unwrap()
}

/// The ends of the golden convergence tables, all that an adaptive solver is given.
fn ends() -> Vec<TimePoint> {
    points(&cosine_grid(&core_fixture("x_exact_mixture"), "t-uniform", 1))
}

/// The error of the end follows the tolerance, and costs more calls the smaller it is.
#[test]
fn error_follows_tolerance() {
    let golden = core_fixture("x_exact_mixture");
    let (start, exact) = (numbers(&golden["x_T"]), numbers(&golden["ode_reference_end"]));
    let oracle = mixture();
    for name in ["rk23", "rk45"] {
        for variable in [None, Some(OdeVariable::Karras), Some(OdeVariable::Lambda)] {
            let mut before = 0;
            for tolerance in [1e-3, 1e-5, 1e-7] {
                let calls = Cell::new(0);
                let counted = |z: Tensor<4>, at: &[TimePoint]| {
                    calls.set(calls.get() + 1);
                    oracle.predict(z, at)
                };
                let sampler = sampler(name, tolerance, variable);
                let end = walk_ode(sampler.as_ref(), &counted, &start, &ends()).unwrap();
                let error =
                    largest(&end.iter().zip(&exact).map(|(a, b)| a - b).collect::<Vec<_>>());
                println!("{name} {variable:?} {tolerance:e}: {error:.1e} in {} calls", calls.get());
                // Local errors add up, and grow along the way by what the flow stretches.
                assert!(error < 30.0 * tolerance, "{name} {variable:?} {tolerance:e}: {error:e}");
                assert!(calls.get() > before, "{name} {tolerance:e}: {} calls", calls.get());
                before = calls.get();
            }
        }
    }
}

/// Images of very different difficulty take their own steps: alone or together, the same image.
#[test]
fn batch_mates_change_nothing() {
    let oracle = mixture();
    let starts = [0.6, -0.4, 2.5, 2.5, -0.1, 0.0];
    for name in ["rk23", "rk45"] {
        let sampler = sampler(name, 1e-4, None);
        let refuse = &mut |_| panic!("noise");
        let together = batch(&starts, 3, DType::F64);
        let together = walk(sampler.as_ref(), &oracle, together, &ends(), refuse).unwrap();
        let together = values(together);
        for (k, start) in starts.chunks(2).enumerate() {
            let alone = walk_ode(sampler.as_ref(), &oracle, start, &ends()).unwrap();
            assert_eq!(alone, together[2 * k..2 * k + 2], "{name} image {k}");
        }
    }
}

/// NaN does not make the steps shrink for ever.
#[test]
fn nan_is_named() {
    let broken = |z: Tensor<4>, at: &[TimePoint]| mixture().predict(z * f64::NAN, at);
    let error = walk_ode(sampler("rk45", 1e-3, None).as_ref(), &broken, &[0.6, -0.4], &ends());
    let message = error.unwrap_err().to_string();
    assert!(message.contains("rk45") && message.contains("not finite"), "{message}");
}
