//! Pure noise and the clean image.

use burn::tensor::{DType, Tensor};
use halfstep_core::{NoiseLevel, Prediction, PredictionType, TimePoint};
use halfstep_sample::{AnalyticStatistics, NoSignal, SampleError, SamplerKind, SamplerOptions};

use crate::oracles::*;
use crate::support::*;

fn options(num_steps: usize) -> SamplerOptions {
    SamplerOptions {
        num_steps,
        analytic: Some(AnalyticStatistics {
            posterior_data_variance: std::sync::Arc::new(|_| 0.1),
            linear_betas: false,
            last_clip: None,
        }),
        ..SamplerOptions::default()
    }
}

/// Every sampler starts at alpha = 0 with finite values, or refuses with the reason.
#[test]
fn pure_noise_is_a_start_or_refused_with_a_reason() {
    let oracle = gaussian();
    let (mut started, mut refused) = (Vec::new(), Vec::new());
    for &kind in SamplerKind::all() {
        for steps in [1, 2, 5] {
            let sampler = kind.build(&options(steps)).unwrap();
            let start = tensor(&[0.7, -1.1, 0.4, 1.6], DType::F64);
            let noise = &mut |_| tensor(&[0.1, 0.2, -0.3, 0.4], DType::F64);
            match walk(sampler.as_ref(), &oracle, start, &from_pure_noise(steps), noise) {
                Ok(end) => {
                    assert!(values(end).iter().all(|x| x.is_finite()), "{kind} {steps}");
                    started.push(kind.name());
                }
                Err(error @ SampleError::NoSignal(_)) => {
                    let SampleError::NoSignal(NoSignal::Method { sampler, .. }) = error else {
                        panic!("{error}")
                    };
                    assert_eq!(sampler, kind.name());
                    assert!(error.to_string().contains("alpha = 0"), "{error}");
                    refused.push(kind.name());
                }
                Err(other) => panic!("{kind} {steps}: {other}"),
            }
        }
    }
    refused.dedup();
    refused.sort_unstable();
    let divide_by_alpha =
        ["dpm-solver-1", "dpm-solver-2", "dpm-solver-3", "dpm-solver-fast", "lms"];
    assert_eq!(refused, divide_by_alpha);
    assert!(started.len() >= 3 * 12);
}

/// From pure noise to clean in one step every sampler gives x0, the mean of the data.
#[test]
fn one_step_is_the_mean() {
    let oracle = gaussian();
    for &kind in SamplerKind::all() {
        let sampler = kind.build(&options(1)).unwrap();
        if !kind.grid_rule().takes_any() {
            continue;
        }
        let start = tensor(&[0.7, -1.1, 0.4, 1.6], DType::F64);
        let noise = &mut |_| tensor(&[9.0; 4], DType::F64);
        let Ok(end) = walk(sampler.as_ref(), &oracle, start, &from_pure_noise(1), noise) else {
            continue;
        };
        assert_close(&values(end), oracle.mean(), 1e-12, kind);
    }
}

/// An eps-network does not determine the image at alpha = 0: every sampler refuses it.
#[test]
fn an_eps_network_is_refused_at_pure_noise() {
    let denoiser = |z: Tensor<4>, at: &[TimePoint]| {
        let levels: Vec<NoiseLevel> = at.iter().map(|point| point.level).collect();
        Prediction::new(PredictionType::Epsilon, z.clone(), z, &levels)
    };
    for &kind in SamplerKind::all() {
        let sampler = kind.build(&options(4)).unwrap();
        let noise = &mut |_| tensor(&[0.0; 2], DType::F64);
        let start = tensor(&[0.6, -0.4], DType::F64);
        let result = walk(sampler.as_ref(), &denoiser, start, &from_pure_noise(4), noise);
        assert!(matches!(result, Err(SampleError::NoSignal(_))), "{kind}");
    }
}

/// A sampler makes as many calls as it announces, whether or not the grid ends clean.
#[test]
fn calls_are_as_announced() {
    let oracle = gaussian();
    let golden = core_fixture("x_exact_gaussian");
    for &kind in SamplerKind::all() {
        for (steps, clean) in [(1, true), (2, true), (7, true), (1, false), (7, false)] {
            let calls = std::cell::Cell::new(0);
            let denoiser = |z: Tensor<4>, at: &[TimePoint]| {
                calls.set(calls.get() + 1);
                halfstep_core::Denoiser::predict(&oracle, z, at)
            };
            let mut grid = points(&cosine_grid(&golden, "t-uniform", steps));
            if clean {
                *grid.last_mut().unwrap() = TimePoint::CLEAN;
            }
            // A budget of 3K - 1 calls is K steps, none of them to the clean image.
            let budget = kind.grid_rule() == halfstep_sample::GridRule::Budget;
            if budget && clean {
                continue;
            }
            let sampler = kind.build(&options(if budget { 3 * steps - 1 } else { steps })).unwrap();
            let noise = &mut |_| tensor(&[0.1; 4], DType::F64);
            let start = tensor(&[0.7, -1.1, 0.4, 1.6], DType::F64);
            walk(sampler.as_ref(), &denoiser, start, &grid, noise).unwrap();
            if let Some(announced) = sampler.calls(&grid) {
                assert_eq!(calls.get(), announced, "{kind}, {steps} steps, clean {clean}");
            }
        }
    }
}

/// The network is never called at the clean end.
#[test]
fn no_call_at_the_clean_end() {
    let oracle = gaussian();
    for &kind in SamplerKind::all() {
        let denoiser = |z: Tensor<4>, at: &[TimePoint]| {
            assert!(at.iter().all(|point| point.level.sigma() > 0.0), "{kind}");
            halfstep_core::Denoiser::predict(&oracle, z, at)
        };
        let sampler = kind.build(&options(6)).unwrap();
        let mut grid = points(&cosine_grid(&core_fixture("x_exact_gaussian"), "t-uniform", 5));
        grid.push(TimePoint::CLEAN);
        let noise = &mut |_| tensor(&[0.1; 4], DType::F64);
        let start = tensor(&[0.7, -1.1, 0.4, 1.6], DType::F64);
        let end = walk(sampler.as_ref(), &denoiser, start, &grid, noise).unwrap();
        assert!(values(end).iter().all(|x| x.is_finite()), "{kind}");
    }
}
