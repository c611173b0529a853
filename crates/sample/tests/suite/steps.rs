//! What `on_step` gets.

use std::sync::Arc;

use burn::tensor::DType;
use halfstep_core::{Denoiser, TimePoint};
use halfstep_sample::{AnalyticStatistics, SamplerKind, SamplerOptions, Trajectory};

use crate::oracles::*;
use crate::support::*;

/// Of every sampler, also of those that make several calls in a step: the network's prediction at the z and the time
/// that the step starts from.
#[test]
fn every_step_comes_with_the_prediction_at_its_start() {
    let oracle = gaussian();
    let analytic = AnalyticStatistics {
        posterior_data_variance: Arc::new(|_| 0.1),
        linear_betas: false,
        last_clip: None,
    };
    let mut grid = points(&cosine_grid(&core_fixture("x_exact_gaussian"), "t-uniform", 5));
    grid.push(TimePoint::CLEAN);
    let options =
        SamplerOptions { num_steps: 6, analytic: Some(analytic), ..SamplerOptions::default() };
    for &kind in SamplerKind::all() {
        let sampler = kind.build(&options).unwrap();
        let mut z = tensor(&[0.7, -1.1, 0.4, 1.6], DType::F64);
        let mut steps = Vec::new();
        let end = sampler.sample(Trajectory {
            denoiser: &oracle,
            start: z.clone(),
            grid: &grid,
            locate: &at,
            noise: &mut |_| tensor(&[0.1, -0.2, 0.3, 0.4], DType::F64),
            on_step: &mut |step| {
                let expected = oracle.predict(z.clone(), &[step.jump.from]).x0();
                assert_close(&values(step.x0()), &values(expected), 1e-12, kind);
                let mean = values(step.x0()).iter().sum::<f64>() / 4.0;
                assert_within(&[step.x0_mean()], &[mean], 1e-12, kind.name().to_owned());
                z = step.z.clone();
                steps.push((step.index, step.jump, step.done));
                Ok(())
            },
        });
        assert_eq!(values(end.unwrap()), values(z), "{kind}: the last step's z is the image");
        assert!(
            steps.iter().enumerate().all(|(k, step)| step.0 == k && step.1.index == k),
            "{kind}"
        );
        assert!(steps.is_sorted_by(|a, b| a.2 <= b.2) && steps.last().unwrap().2 == 1.0, "{kind}");
        if kind.grid_rule().takes_any() {
            // The oracle's points have no discrete time: their levels are compared.
            let levels = |from: TimePoint, to: TimePoint| (from.level, to.level);
            let walked: Vec<_> =
                steps.iter().map(|(_, jump, _)| levels(jump.from, jump.to)).collect();
            let pairs: Vec<_> = grid.windows(2).map(|pair| levels(pair[0], pair[1])).collect();
            assert_eq!(walked, pairs, "{kind}");
        }
    }
}
