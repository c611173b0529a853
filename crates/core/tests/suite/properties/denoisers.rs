//! Denoisers are interchangeable; oracles refuse parameters that make no distribution.

use burn::tensor::{DType, Tensor};
use halfstep_core::{
    Denoiser, GaussianOracle, MixtureOracle, NoiseLevel, OracleError, Prediction, PredictionType,
    TimePoint,
};

use crate::support::*;

fn levels() -> [NoiseLevel; 4] {
    [
        NoiseLevel::from_log_snr(6.0),
        NoiseLevel::from_log_snr(0.5),
        NoiseLevel::from_log_snr(-3.0),
        NoiseLevel::PURE_NOISE,
    ]
}

#[test]
fn a_closure_is_a_denoiser() {
    let zero_velocity = |z: Tensor<4>, at: &[TimePoint]| {
        let levels: Vec<_> = at.iter().map(|point| point.level).collect();
        Prediction::new(PredictionType::VPrediction, z.zeros_like(), z, &levels)
    };
    let seam: &dyn Denoiser = &zero_velocity;
    let level = NoiseLevel::from_log_snr(0.0);
    let p = seam.predict(tensor(&[1.0, -2.0], DType::F64), &[at(level)]);
    assert_close(&values(p.x0()), &[level.alpha(), -2.0 * level.alpha()], 1e-15, "x0");
}

#[test]
fn oracles_answer_each_image_at_its_own_level() {
    let gaussian = GaussianOracle::new(vec![0.3, -0.2, 0.5], vec![0.04, 0.0, 4.0]).unwrap();
    let mixture = MixtureOracle::new(
        vec![2.0, 1.0],
        vec![vec![1.0, 0.5, 0.0], vec![-0.8, 0.9, 0.1]],
        vec![0.04, 0.0],
    )
    .unwrap();
    let levels = levels();
    let points = levels.map(at);
    let z = scatter(3 * levels.len(), 1.0);
    for (dtype, tolerance) in FLOATS {
        let by_gaussian = values(gaussian.predict(batch(&z, 4, dtype), &points).v());
        let by_mixture = values(mixture.predict(batch(&z, 4, dtype), &points).v());
        for (i, &level) in levels.iter().enumerate() {
            let image = 3 * i..3 * (i + 1);
            let z = &z[image.clone()];
            let expected = gaussian.v_hat(z, level);
            assert_close(&by_gaussian[image.clone()], &expected, tolerance, "Gaussian");
            let expected = mixture.v_hat(z, level);
            assert_close(&by_mixture[image], &expected, tolerance, "mixture");
        }
    }
}

#[test]
fn readings_of_an_oracle_agree() {
    let gaussian = GaussianOracle::new(vec![0.3, -0.2], vec![0.04, 4.0]).unwrap();
    let mixture = MixtureOracle::new(vec![1.0], vec![vec![0.3, -0.2]], vec![0.04]).unwrap();
    let round = GaussianOracle::new(vec![0.3, -0.2], vec![0.04; 2]).unwrap();
    let z = [0.7, -1.1];
    for level in levels() {
        let (x0, eps, v) =
            (gaussian.x0_hat(&z, level), gaussian.eps_hat(&z, level), gaussian.v_hat(&z, level));
        for j in 0..2 {
            assert!((level.alpha() * x0[j] + level.sigma() * eps[j] - z[j]).abs() < 1e-14);
            assert!((level.alpha() * eps[j] - level.sigma() * x0[j] - v[j]).abs() < 1e-14);
        }
        // A mixture of one is a Gaussian.
        assert_close(&mixture.v_hat(&z, level), &round.v_hat(&z, level), 1e-14, "v");
        assert_close(&mixture.x0_hat(&z, level), &round.x0_hat(&z, level), 1e-14, "x0");
        assert_eq!(mixture.responsibilities(&z, level), [1.0]);
        let variance = mixture.mean_posterior_var(&z, level);
        assert_relative(variance, round.optimal_x0_mse(level), 1e-14, "variance");
    }
}

#[test]
fn no_distribution_is_refused_by_name() {
    let empty = |field| Err(OracleError::Empty { field });
    assert_eq!(GaussianOracle::new(vec![], vec![]), empty("mean"));
    assert_eq!(
        GaussianOracle::new(vec![0.0], vec![1.0, 1.0]),
        Err(OracleError::LengthMismatch { field: "var", found: 2, expected: 1 })
    );
    assert_eq!(
        GaussianOracle::new(vec![0.0, 0.0], vec![1.0, -1.0]),
        Err(OracleError::OutOfRange { field: "var", index: 1, value: -1.0 })
    );
    assert!(GaussianOracle::new(vec![f64::NAN], vec![1.0]).is_err());

    let mean = || vec![0.0, 0.0];
    assert!(MixtureOracle::new(vec![1.0], vec![mean()], vec![0.0]).is_ok());
    assert_eq!(MixtureOracle::new(vec![], vec![], vec![]).err(), empty("weights").err());
    for (weights, means, tau2) in [
        (vec![1.0], vec![vec![]], vec![1.0]),
        (vec![1.0], vec![], vec![1.0]),
        (vec![1.0], vec![mean()], vec![]),
        (vec![1.0, 1.0], vec![mean(), vec![0.0]], vec![1.0, 1.0]),
        (vec![0.0], vec![mean()], vec![1.0]),
        (vec![1.0], vec![mean()], vec![-1.0]),
        (vec![1.0], vec![vec![0.0, f64::INFINITY]], vec![1.0]),
    ] {
        let what = format!("{weights:?} {means:?} {tau2:?}");
        assert!(MixtureOracle::new(weights, means, tau2).is_err(), "{what}");
    }
}
