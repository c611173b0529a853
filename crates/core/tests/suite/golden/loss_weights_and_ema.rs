//! min-SNR and truncated-SNR weights; EMA decays.

use halfstep_core::PredictionType::{Epsilon, Sample, VPrediction};
use halfstep_core::{EmaSchedule, EmaWarmup, LossWeighting};
use serde_json::Value;

use crate::support::*;

#[test]
fn every_weight() {
    let golden = fixture("f_minsnr_ema");
    let times = indices(&golden["indices"]);
    let (mut checked, mut undefined) = (0, 0);
    for entry in list(&golden, "entries") {
        let schedule = schedule(entry);
        let mut compare = |key: &str, values: &Value, of: &dyn Fn(usize) -> f64| {
            let values = values.as_array().unwrap();
            assert_eq!(values.len(), times.len(), "{key}");
            for (value, &t) in values.iter().zip(&times) {
                let Some(want) = value.as_f64() else {
                    // diffusers' 0/0 at zero SNR; ours is the limit of min(SNR, g)/SNR.
                    assert_eq!((of(t), schedule.at(t).alpha(), key), (1.0, 0.0, "epsilon_f32"));
                    undefined += 1;
                    continue;
                };
                // SNR is abar/(1 - abar): 1 - abar is good to a rounding of 1, in f32 where
                // diffusers ends in f32, and so is the shifted root of abar at the noisy end of a
                // rescaled schedule.
                let (level, rounding) =
                    (schedule.at(t), if key.ends_with("f32") { 2e-7 } else { 2e-16 });
                let tolerance = 1e-12
                    + 4.0 * rounding * (1.0 + 1.0 / level.sigma().powi(2))
                    + if key.ends_with("f32") { 2e-5 } else { 0.0 };
                let what = format!("{} {key} t={t}", entry["beta_schedule"]);
                assert_relative(of(t), want, tolerance, what);
                checked += 1;
            }
        };
        for key in ["snr_f32", "snr_f64"] {
            compare(key, &entry[key], &|t| schedule.at(t).snr());
        }
        compare("truncated_snr_v_f64", &entry["truncated_snr_v_f64"], &|t| {
            LossWeighting::TruncatedSnr.v_weight(schedule.at(t))
        });
        for gamma in numbers(&golden["gammas"]) {
            let weights = &entry["weights"][format!("{gamma:.1}")];
            let weighting = LossWeighting::MinSnrGamma { gamma };
            for (key, kind) in [
                ("epsilon_f32", Epsilon),
                ("v_prediction_f32", VPrediction),
                ("v_prediction_f64", VPrediction),
                ("sample_f32", Sample),
                ("sample_f64", Sample),
            ] {
                let of = |t| weighting.output_weight(kind, schedule.at(t));
                compare(key, &weights[key], &of);
            }
        }
    }
    // 4 schedules of 13 lists of 20; two schedules have zero terminal SNR, with eps listed for two
    // gammas.
    assert_eq!((checked, undefined), (4 * 13 * 20 - 4, 4));
}

#[test]
fn every_decay() {
    let golden = fixture("f_minsnr_ema");
    let mut checked = 0;
    for entry in list(&golden, "ema_get_decay") {
        let schedule = EmaSchedule {
            update_after_step: entry["update_after_step"].as_u64().unwrap_or(0),
            warmup: match entry["use_ema_warmup"].as_bool() {
                Some(true) => EmaWarmup::Power {
                    inv_gamma: number(entry, "inv_gamma"),
                    power: number(entry, "power"),
                },
                _ => EmaWarmup::Ratio,
            },
            ..EmaSchedule::new(number(entry, "decay"))
        };
        let expected = numbers(&entry["decay_at"]);
        let steps = indices(&entry["steps"]);
        assert_eq!(steps.len(), expected.len());
        for (&step, want) in steps.iter().zip(expected) {
            let what = format!("{entry} step {step}");
            assert_close(&[schedule.decay_at(step as u64)], &[want], 1e-15, what);
            checked += 1;
        }
    }
    assert_eq!(checked, 33);
}
