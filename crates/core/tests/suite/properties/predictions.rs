//! x0, eps and v are three forms of one prediction.

use burn::tensor::{DType, Device, Tensor, TensorData};
use halfstep_core::{
    NoiseLevel, Prediction, PredictionType, X0Clip, add_noise, dynamic_threshold, get_velocity,
    predict_eps, predict_x0, training_target,
};

use crate::support::*;

const PIXELS: usize = 12;

/// Levels at which no conversion divides by less than 1e-3.
fn levels() -> Vec<NoiseLevel> {
    (-13..=13).map(|k| NoiseLevel::from_log_snr(f64::from(k))).collect()
}

#[test]
fn every_kind_gives_back_what_was_mixed() {
    let levels = levels();
    let count = PIXELS * levels.len();
    for (dtype, tolerance) in FLOATS {
        let x0 = batch(&scatter(count, 1.0), levels.len(), dtype);
        let eps = batch(&scatter(count, 2.0), levels.len(), dtype);
        let z = add_noise(x0.clone(), eps.clone(), &levels);
        let v = get_velocity(x0.clone(), eps.clone(), &levels);
        assert_close(
            &values(predict_x0(v.clone(), z.clone(), &levels)),
            &values(x0.clone()),
            tolerance,
            "x0",
        );
        assert_close(
            &values(predict_eps(v.clone(), z.clone(), &levels)),
            &values(eps.clone()),
            tolerance,
            "eps",
        );
        for kind in PredictionType::ALL {
            let target = training_target(kind, x0.clone(), eps.clone(), &levels);
            let p = Prediction::new(kind, target.clone(), z.clone(), &levels);
            assert_eq!(p.kind(), kind);
            // Readings that divide by alpha or sigma, down to 1.5e-3, amplify the rounding of z by
            // as much.
            let tolerance = tolerance * 700.0;
            let what = format!("{kind} {dtype:?}");
            assert_close(&values(p.x0()), &values(x0.clone()), tolerance, format!("{what} x0"));
            assert_close(&values(p.eps()), &values(eps.clone()), tolerance, format!("{what} eps"));
            assert_close(&values(p.v()), &values(v.clone()), tolerance, format!("{what} v"));
            assert_eq!(values(p.z()), values(z.clone()));
            assert_eq!(values(p.output()), values(target));
        }
    }
}

#[test]
fn ends_are_ordinary_for_v() {
    for (dtype, _) in FLOATS {
        let x0 = tensor(&scatter(PIXELS, 1.0), dtype);
        let eps = tensor(&scatter(PIXELS, 2.0), dtype);
        for level in [NoiseLevel::CLEAN, NoiseLevel::PURE_NOISE] {
            let z = add_noise(x0.clone(), eps.clone(), &[level]);
            let v = get_velocity(x0.clone(), eps.clone(), &[level]);
            let p = Prediction::new(PredictionType::VPrediction, v, z, &[level]);
            assert_eq!(values(p.x0()), values(x0.clone()));
            assert_eq!(values(p.eps()), values(eps.clone()));
        }
    }
}

#[test]
fn one_level_and_its_repetition_agree() {
    let level = NoiseLevel::from_log_snr(0.7);
    let z = batch(&scatter(3 * PIXELS, 1.0), 3, DType::F32);
    let output = batch(&scatter(3 * PIXELS, 2.0), 3, DType::F32);
    for kind in PredictionType::ALL {
        let shared = Prediction::new(kind, output.clone(), z.clone(), &[level]);
        let each = Prediction::new(kind, output.clone(), z.clone(), &[level; 3]);
        assert_eq!(values(shared.x0()), values(each.x0()));
        assert_eq!(values(shared.eps()), values(each.eps()));
        assert_eq!(values(shared.v()), values(each.v()));
    }
}

#[test]
fn clipping_bounds_x0_and_keeps_eps() {
    let level = NoiseLevel::from_log_snr(0.7);
    let z = tensor(&scatter(PIXELS, 1.0), DType::F64);
    let output = tensor(&scatter(PIXELS, 2.0), DType::F64);
    let clip = X0Clip::Static { bound: 0.5 };
    for kind in PredictionType::ALL {
        let plain = Prediction::new(kind, output.clone(), z.clone(), &[level]);
        let clipped = plain.clone().with_clip(clip);
        let expected: Vec<_> = values(plain.x0()).iter().map(|x| x.clamp(-0.5, 0.5)).collect();
        assert_eq!(values(clipped.x0()), expected);
        assert_eq!(values(clipped.eps()), values(plain.eps()));
        assert_eq!(values(clipped.output()), values(plain.output()));
        let v = get_velocity(clipped.x0(), clipped.eps(), &[level]);
        assert_eq!(values(clipped.v()), values(v));

        let everywhere = plain.with_clip_everywhere(clip);
        assert_eq!(values(everywhere.x0()), expected);
        let again = add_noise(everywhere.x0(), everywhere.eps(), &[level]);
        assert_close(&values(again), &values(z.clone()), 1e-12, "z is made of x0 and eps");
        let v = get_velocity(everywhere.x0(), everywhere.eps(), &[level]);
        assert_close(&values(everywhere.v()), &values(v), 1e-12, "v is made of x0 and eps");
    }
}

/// torch: quantile([0.5, 1, 1.5, 2, 2.5], 0.8) = 2.1; the second image stays within 1.
#[test]
fn dynamic_threshold_is_of_each_image() {
    let x0 = [0.5, -1.0, 1.5, -2.0, 2.5, 0.1, -0.2, 0.3, 0.4, -0.5];
    let got = values(dynamic_threshold(batch(&x0, 2, DType::F64), 0.8, 3.0));
    let want: Vec<_> = x0[..5].iter().map(|x: &f64| x.clamp(-2.1, 2.1) / 2.1).collect();
    assert_close(&got[..5], &want, 1e-12, "first image");
    assert_eq!(got[5..], x0[5..]);
    let capped = values(dynamic_threshold(batch(&x0, 2, DType::F64), 0.8, 1.25));
    let want: Vec<_> = x0[..5].iter().map(|x| x.clamp(-1.25, 1.25) / 1.25).collect();
    assert_close(&capped[..5], &want, 1e-12, "capped at max");
}

#[test]
fn float_type_is_the_inputs() {
    let level = NoiseLevel::from_log_snr(0.7);
    for (dtype, _) in FLOATS {
        let z = tensor(&scatter(PIXELS, 1.0), dtype);
        let p = Prediction::new(PredictionType::VPrediction, z.clone(), z, &[level]);
        assert_eq!(p.x0().dtype(), dtype);
        assert_eq!(p.eps().dtype(), dtype);
    }
}

#[test]
fn gradients_pass_through_the_readings() {
    let level = NoiseLevel::from_log_snr(0.7);
    let device = Device::flex().autodiff();
    let on_device = |salt| {
        let data = TensorData::new(scatter(PIXELS, salt), [1, 1, 1, PIXELS]);
        Tensor::<4>::from_data(data, (&device, DType::F32))
    };
    let (z, v) = (on_device(1.0), on_device(2.0).require_grad());
    let p = Prediction::new(PredictionType::VPrediction, v.clone(), z, &[level]);
    // d x0 / d v = -sigma, d eps / d v = alpha.
    for (reading, slope) in [(p.x0(), -level.sigma()), (p.eps(), level.alpha())] {
        let gradients = reading.sum().backward();
        let gradient = values(v.grad(&gradients).unwrap());
        assert_close(&gradient, &[slope; PIXELS], 1e-6, "f32 rounding");
    }
}

#[test]
fn names_are_diffusers_names() {
    for (kind, name) in [
        (PredictionType::Epsilon, "epsilon"),
        (PredictionType::Sample, "sample"),
        (PredictionType::VPrediction, "v_prediction"),
    ] {
        assert_eq!(kind.to_string(), name);
        assert_eq!(name.parse(), Ok(kind));
        assert_eq!(serde_json::to_value(kind).unwrap(), name);
        assert_eq!(serde_json::from_value::<PredictionType>(name.into()).unwrap(), kind);
    }
    let error = "v-prediction".parse::<PredictionType>().unwrap_err();
    assert!(error.to_string().contains("`v-prediction`"));
}
