//! Laws of every schedule.

use halfstep_core::{
    CosineSchedule, DdpmContinuousSchedule, DiscreteSchedule, NoiseLevel, NoiseSchedule,
    ScheduleError, SigmoidSchedule, TimePoint,
};

use crate::support::*;

fn discrete() -> Vec<DiscreteSchedule> {
    let schedules = [
        DiscreteSchedule::linear(1000, 0.0001, 0.02),
        DiscreteSchedule::scaled_linear(1000, 0.00085, 0.012),
        DiscreteSchedule::squaredcos_cap_v2(1000),
        DiscreteSchedule::from_continuous(&CosineSchedule::unclipped(), 1024),
        DiscreteSchedule::from_continuous(&SigmoidSchedule::default(), 1024),
        DiscreteSchedule::from_continuous(&DdpmContinuousSchedule, 1024),
        // (t + 1) / 49 times 49 is not t + 1 in floating point.
        DiscreteSchedule::from_continuous(&DdpmContinuousSchedule, 49),
    ];
    let schedules = schedules.map(Result::unwrap);
    let rescaled = schedules.clone().map(|schedule| schedule.rescale_zero_terminal_snr().unwrap());
    schedules.into_iter().chain(rescaled).collect()
}

#[test]
fn levels_preserve_variance_and_get_noisier() {
    for schedule in discrete() {
        let mut before = NoiseLevel::CLEAN;
        for t in 0..schedule.len() {
            let level = schedule.at(t);
            let total = level.alpha().powi(2) + level.sigma().powi(2);
            // sigma^2 is a sum of up to 1000 rounded terms.
            assert!((total - 1.0).abs() < 1e-13);
            assert!(level.log_snr() < before.log_snr());
            assert!(level.phi() > before.phi());
            before = level;
        }
    }
}

#[test]
fn continuous_time_is_exact_on_the_grid_and_angular_between() {
    for schedule in discrete() {
        let steps = schedule.len();
        assert_eq!(schedule.level(0.0), NoiseLevel::CLEAN);
        for t in 0..steps {
            let u = (t as f64 + 1.0) / steps as f64;
            assert_eq!(schedule.level(u), schedule.at(t), "t = {t}");
        }
        for t in [0, 1, steps / 2, steps - 2] {
            let between = schedule.level((t as f64 + 1.25) / steps as f64);
            let (low, high) = (schedule.at(t).phi(), schedule.at(t + 1).phi());
            assert!((between.phi() - (0.75 * low + 0.25 * high)).abs() < 1e-14);
        }
        let first = schedule.level(0.5 / steps as f64).phi();
        assert!((first - schedule.at(0).phi() / 2.0).abs() < 1e-14);
        assert_eq!(schedule.level(-1.0), NoiseLevel::CLEAN);
        assert_eq!(schedule.level(2.0), schedule.at(steps - 1));
    }
}

#[test]
fn betas_and_alphas_cumprod_lead_back() {
    for schedule in discrete() {
        let by_betas = DiscreteSchedule::from_betas(&schedule.betas()).unwrap();
        let by_alphas = DiscreteSchedule::from_alphas_cumprod(&schedule.alphas_cumprod()).unwrap();
        for t in 0..schedule.len() {
            let (level, again) = (schedule.at(t), by_betas.at(t));
            // Products and sums of up to 1000 rounded factors, relative; the smallest alphas come
            // from factors near 0.
            assert_relative(again.sigma(), level.sigma(), 1e-12, format!("sigma {t}"));
            assert_within(&[again.alpha()], &[level.alpha()], 1e-13, format!("alpha {t}"));
            // 1 - abar: a rounding of 1.
            let again = by_alphas.at(t);
            let tolerance = 1e-12 + f64::EPSILON / level.sigma().powi(2);
            assert_relative(again.sigma(), level.sigma(), tolerance, format!("sigma {t}"));
        }
        assert_eq!(by_betas.has_zero_terminal_snr(), schedule.has_zero_terminal_snr());
        assert_eq!(by_alphas.has_zero_terminal_snr(), schedule.has_zero_terminal_snr());
    }
}

#[test]
fn rescaling_keeps_the_first_level_and_ends_in_pure_noise() {
    for schedule in discrete() {
        let rescaled = schedule.rescale_zero_terminal_snr().unwrap();
        assert_eq!(rescaled.at(0), schedule.at(0));
        assert_eq!(rescaled.at(schedule.len() - 1), NoiseLevel::PURE_NOISE);
        assert_eq!(rescaled.alphas_cumprod().last(), Some(&0.0));
        assert_eq!(rescaled.betas().last(), Some(&1.0));
        assert!(rescaled.has_zero_terminal_snr());
        // sqrt(abar) is an affine function of what it was.
        let shift = schedule.at(schedule.len() - 1).alpha();
        let first = schedule.at(0).alpha();
        for t in 0..schedule.len() {
            let expected = (schedule.at(t).alpha() - shift) * first / (first - shift);
            assert!((rescaled.at(t).alpha() - expected).abs() < 1e-15);
        }
    }
}

#[test]
fn points_carry_their_time_and_past_the_end_is_the_end() {
    let schedule = DiscreteSchedule::squaredcos_cap_v2(8).unwrap();
    let points = schedule.points(&[7, 3, 0]);
    assert_eq!(points.iter().map(|p| p.t).collect::<Vec<_>>(), [7.0, 3.0, 0.0]);
    assert_eq!(points[1].level, schedule.at(3));
    assert_eq!(schedule.point(100), schedule.point(7));
    assert_eq!(schedule.at(usize::MAX), schedule.at(7));
    assert_eq!(TimePoint::CLEAN.level, schedule.level(0.0));
}

#[test]
fn every_level_has_its_time() {
    for schedule in discrete() {
        let steps = schedule.len();
        for t in 0..steps {
            assert_eq!(schedule.point_at(schedule.at(t)), schedule.point(t));
        }
        assert_eq!(schedule.point_at(NoiseLevel::CLEAN), TimePoint::CLEAN);
        let end = schedule.point_at(NoiseLevel::PURE_NOISE);
        assert_eq!((end.t, end.level), (steps as f64 - 1.0, NoiseLevel::PURE_NOISE));
        for k in 0..=100 {
            let u = f64::from(k) / 100.0;
            let t = schedule.point_at(schedule.level(u)).t;
            // A rounding of phi over the smallest step of phi, 3e-5 of a radian.
            assert!(((t + 1.0) / steps as f64 - u).abs() < 1e-13, "u = {u}, t = {t}");
        }
    }
}

#[test]
fn malformed_schedules_are_refused_by_position() {
    assert_eq!(DiscreteSchedule::from_betas(&[]), Err(ScheduleError::Empty));
    assert_eq!(DiscreteSchedule::from_alphas_cumprod(&[]), Err(ScheduleError::Empty));
    assert_eq!(DiscreteSchedule::linear(0, 0.1, 0.2), Err(ScheduleError::Empty));
    assert_eq!(DiscreteSchedule::squaredcos_cap_v2(0), Err(ScheduleError::Empty));
    let cosine = CosineSchedule::default();
    assert_eq!(DiscreteSchedule::from_continuous(&cosine, 0), Err(ScheduleError::Empty));

    for found in [1_000_001, 1_000_000_000_000, usize::MAX] {
        let too_long = Err(ScheduleError::TooLong { found });
        assert_eq!(DiscreteSchedule::linear(found, 0.1, 0.2), too_long);
        assert_eq!(DiscreteSchedule::scaled_linear(found, 0.1, 0.2), too_long);
        assert_eq!(DiscreteSchedule::squaredcos_cap_v2(found), too_long);
        assert_eq!(DiscreteSchedule::from_continuous(&cosine, found), too_long);
    }
    for bad in [0.0, -0.1, 1.1, 1.0, f64::INFINITY] {
        assert_eq!(
            DiscreteSchedule::from_betas(&[0.1, bad, 0.2]),
            Err(ScheduleError::BetaOutOfRange { index: 1, value: bad })
        );
    }
    for bad in [0.9, 0.95, 1.0, -0.1] {
        assert_eq!(
            DiscreteSchedule::from_alphas_cumprod(&[0.9, bad, 0.05]),
            Err(ScheduleError::AlphaBarOutOfRange { index: 1, value: bad })
        );
    }
    // NaN is equal to nothing, itself included.
    assert!(DiscreteSchedule::from_betas(&[f64::NAN]).is_err());
    assert!(DiscreteSchedule::from_alphas_cumprod(&[f64::NAN]).is_err());
    assert!(DiscreteSchedule::scaled_linear(10, -1.0, 0.1).is_err());
    assert!(DiscreteSchedule::from_alphas_cumprod(&[1.0]).is_err());
    let nowhere = SigmoidSchedule { start: 1.0, end: 1.0, tau: 1.0 };
    assert!(DiscreteSchedule::from_continuous(&nowhere, 10).is_err());
    // So many levels that the clip at log_snr -20 holds the last two.
    assert!(DiscreteSchedule::from_continuous(&cosine, 100_000).is_err());
    assert_eq!(
        DiscreteSchedule::linear(1, 0.1, 0.1).unwrap().rescale_zero_terminal_snr(),
        Err(ScheduleError::TooShortToRescale { found: 1 })
    );
}
