//! add_noise, velocity, and x0 and eps of every prediction type.

use halfstep_core::{Prediction, PredictionType, add_noise, get_velocity};

use crate::support::*;

#[test]
fn every_entry() {
    let golden = fixture("b_conversions");
    let (mut levels, mut predictions, mut undefined) = (0, 0, 0);
    for entry in list(&golden, "entries") {
        let t = index(entry, "t");
        let level = schedule(entry).at(t);
        assert_relative(level.alpha_bar(), number(entry, "alpha_cumprod"), 1e-12, "alpha_bar");
        for (dtype, tolerance) in FLOATS {
            let what = format!("{} t={t} {dtype:?}", entry["beta_schedule"]);
            // The golden sigma^2 is 1 - abar, good to one rounding of 1: all that diffusers' eps
            // has near clean data.
            let tolerance = tolerance + f64::EPSILON / level.sigma().powi(2);
            let [x0, noise, output] =
                ["x0", "noise", "model_output"].map(|key| tensor(&numbers(&golden[key]), dtype));
            let z = add_noise(x0.clone(), noise.clone(), &[level]);
            let v = get_velocity(x0, noise, &[level]);
            assert_close(&values(z.clone()), &numbers(&entry["x_t"]), tolerance, &what);
            assert_close(&values(v), &numbers(&entry["velocity"]), tolerance, &what);
            levels += 1;

            for kind in PredictionType::ALL {
                let prediction = Prediction::new(kind, output.clone(), z.clone(), &[level]);
                let Some(expected) = entry["pred"].get(kind.name()) else {
                    // diffusers lists no x0 for eps at alpha = 0: it divides by zero, and so do we,
                    // as documented.
                    assert_eq!((kind, level.alpha()), (PredictionType::Epsilon, 0.0));
                    assert!(values(prediction.x0()).iter().all(|x| !x.is_finite()));
                    undefined += 1;
                    continue;
                };
                for (got, key) in
                    [(prediction.x0(), "pred_original_sample"), (prediction.eps(), "pred_epsilon")]
                {
                    let what = format!("{what} {kind} {key}");
                    assert_close(&values(got), &numbers(&expected[key]), tolerance, what);
                }
                predictions += 1;
            }
        }
    }
    assert_eq!((levels, predictions, undefined), (2 * 32, 2 * 94, 2 * 2));
}
