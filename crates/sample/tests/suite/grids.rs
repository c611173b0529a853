//! Where samplers step.

use halfstep_core::{DiscreteSchedule, ScheduleConfig, ScheduleName, TimePoint};
use halfstep_sample::{
    GridKind, SampleError, continuous_grid, end_at_first_time, listed_grid, multistep_grid,
    sampling_grid,
};

use crate::support::*;

const CONTINUOUS: [GridKind; 4] =
    [GridKind::Uniform, GridKind::Lambda, GridKind::Phi, GridKind::Karras];

fn schedules() -> [DiscreteSchedule; 2] {
    let zero = ScheduleConfig {
        zero_terminal_snr: true,
        train_timesteps: 1024,
        ..ScheduleConfig::new(ScheduleName::Cosine)
    };
    [DiscreteSchedule::linear(1000, 1e-4, 0.02).unwrap(), zero.build().unwrap()]
}

#[test]
fn continuous_grids_fall_from_the_noisiest_to_clean() {
    for schedule in schedules() {
        for kind in CONTINUOUS {
            for steps in [1, 2, 3, 10, 100] {
                let grid = continuous_grid(&schedule, kind, steps).unwrap();
                assert_eq!(grid.len(), steps + 1, "{kind:?}");
                assert_eq!(grid[0], schedule.point(schedule.len() - 1), "{kind:?} {steps}");
                assert_eq!(grid[steps], TimePoint::CLEAN);
                for pair in grid.windows(2) {
                    assert!(pair[1].level.phi() < pair[0].level.phi(), "{kind:?} {steps}");
                    assert!(pair[1].t < pair[0].t, "{kind:?} {steps}");
                }
            }
        }
    }
}

/// Equal steps in the variable of the name, between its ends.
#[test]
fn continuous_grids_are_uniform() {
    for schedule in schedules() {
        // Pure noise lies at no lambda: the level before it stands in for it.
        let noisiest = schedule.len() - 1 - usize::from(schedule.has_zero_terminal_snr());
        for kind in CONTINUOUS {
            let grid = continuous_grid(&schedule, kind, 12).unwrap();
            let position = |point: &TimePoint| match kind {
                GridKind::Uniform => point.t,
                GridKind::Lambda => point.level.lambda(),
                GridKind::Phi => point.level.phi(),
                _ => point.level.karras_sigma().powf(1.0 / 7.0),
            };
            let mut positions: Vec<f64> = grid.iter().map(position).collect();
            if matches!(kind, GridKind::Lambda | GridKind::Karras) {
                assert_eq!(grid[11].level, schedule.at(0), "{kind:?} ends at t = 0");
                positions.pop();
                positions[0] = position(&schedule.point(noisiest));
            }
            let step = positions[1] - positions[0];
            for pair in positions.windows(2) {
                // t is interpolated in the angle, which is not what `uniform` steps in beyond whole
                // times: it comes back to a few roundings of T.
                assert!((pair[1] - pair[0] - step).abs() < 1e-9 * positions[0].abs(), "{kind:?}");
            }
        }
    }
}

#[test]
fn karras_is_karras() {
    let golden = numbers(&fixture("h_kdiffusion")["sigmas_karras_8_0p02_10_rho7"]);
    // A schedule of two levels has those two ends.
    let alpha_bar = |sigma: f64| 1.0 / (1.0 + sigma * sigma);
    let ends = [alpha_bar(0.02), alpha_bar(10.0)];
    let schedule = DiscreteSchedule::from_alphas_cumprod(&ends).unwrap();
    let grid = continuous_grid(&schedule, GridKind::Karras, 8).unwrap();
    let sigmas: Vec<f64> = grid.iter().map(|point| point.level.karras_sigma()).collect();
    assert_close(&sigmas, &golden, 1e-13, "sigmas");
}

#[test]
fn lists_are_checked() {
    let [schedule, _] = schedules();
    let grid = listed_grid(&schedule, &[999, 700, 0]).unwrap();
    assert_eq!(grid.iter().map(|point| point.t).collect::<Vec<_>>(), [999.0, 700.0, 0.0, -1.0]);
    for (times, needle) in [
        (&[][..], "is empty"),
        (&[1000, 3], "0 to 999"),
        (&[5, 5], "5 follows 5"),
        (&[3, 4], "decreasing"),
    ] {
        let Err(error @ SampleError::Grid(_)) = listed_grid(&schedule, times) else {
            panic!("{times:?}")
        };
        assert!(error.to_string().contains(needle), "{error}");
    }
}

/// One step of leading or linspace is at t = 0 alone, where pure noise would be taken for an image.
#[test]
fn a_grid_starts_where_the_noise_is() {
    use halfstep_core::TimestepSpacing::{Leading, Linspace, Trailing};
    for schedule in schedules() {
        for spacing in [Leading, Linspace, Trailing] {
            for steps in 1..schedule.len() {
                let grid = sampling_grid(&schedule, spacing, steps, 0);
                match (steps, spacing) {
                    (1, Leading | Linspace) => {
                        let Err(SampleError::Start { first: 0, .. }) = grid else {
                            panic!("{grid:?}")
                        };
                    }
                    _ => assert_eq!(grid.unwrap().len(), steps + 1),
                }
                let multistep = multistep_grid(&schedule, spacing, steps, 0).unwrap();
                assert_eq!(multistep.len(), steps + 1);
                assert!(2 * multistep[0].t as usize >= schedule.len() - 1, "{spacing:?} {steps}");
                let visits_zero = multistep.iter().any(|point| point.t == 0.0);
                assert!(!visits_zero || spacing == Trailing, "{spacing:?} {steps}");
            }
        }
        let last = schedule.len() - 1;
        assert!(listed_grid(&schedule, &[last / 2 + 1, 3]).is_ok());
        let error = listed_grid(&schedule, &[last / 2 - 1, 3]).unwrap_err();
        assert!(matches!(error, SampleError::Start { .. }), "{error}");
    }
}

#[test]
fn a_grid_that_ends_at_the_first_time_has_a_step() {
    let [schedule, _] = schedules();
    let times = |listed: &[usize]| {
        let grid = end_at_first_time(&schedule, listed_grid(&schedule, listed).unwrap());
        grid.map(|grid| grid.iter().map(|point| point.t).collect::<Vec<_>>())
    };
    assert_eq!(times(&[999, 500]).unwrap(), [999.0, 500.0, 0.0]);
    assert_eq!(times(&[999, 0]).unwrap(), [999.0, 0.0]);
    let one_level = DiscreteSchedule::from_betas(&[0.5]).unwrap();
    let grid = listed_grid(&one_level, &[0]).unwrap();
    assert!(matches!(end_at_first_time(&one_level, grid), Err(SampleError::NoStep)));
}
