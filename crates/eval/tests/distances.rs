//! Distances of fixed features against scipy, pytorch-fid and torch-fidelity, and against closed forms.
//! `scripts/compare_fid.py` computes the fixtures.

use std::ops::ControlFlow;
use std::path::Path;

use halfstep_eval::{
    EvalError, FeatureStatistics, Features, KernelDistance, KernelOptions, Manifold,
    frechet_distance, inception_score, kernel_distance, precision_recall,
};
use safetensors::SafeTensors;
use serde_json::Value;

fn expected() -> Value {
    serde_json::from_str(include_str!("fixtures/distances.json")).unwrap()
}

fn features(name: &str) -> Features {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/features.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor(name).unwrap();
    let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
    Features::new(values.collect(), view.shape()[1]).unwrap()
}

fn first(features: &Features, count: usize) -> Features {
    let values = features.rows().take(count).flatten().copied().collect();
    Features::new(values, features.dim()).unwrap()
}

#[track_caller]
fn assert_near(found: f64, expected: &Value, tolerance: f64) {
    let expected = expected.as_f64().unwrap();
    let relative = (found - expected).abs() / expected.abs();
    println!("{found} {expected}: {relative:.1e}");
    assert!(relative < tolerance, "{found}, expected {expected}");
}

/// All in f64; scipy takes the root of an unsymmetric product.
#[test]
fn the_frechet_distance_is_scipys_and_pytorch_fids() {
    let statistics = |name| FeatureStatistics::from_features(&features(name)).unwrap();
    let (ours, theirs) = (statistics("ours"), statistics("theirs"));
    let distance = frechet_distance(&ours, &theirs).unwrap();
    assert_near(distance, &expected()["frechet"], 1e-10);
    assert_near(distance, &expected()["pytorch_fid"], 1e-10);
    let back = frechet_distance(&theirs, &ours).unwrap();
    assert!((distance - back).abs() < 1e-10, "{distance} {back}");
    assert!(frechet_distance(&ours, &ours).unwrap().abs() < 1e-10);
}

/// With ten samples of 24 features, 14 eigenvalues are 0, and their roots keep only half of the digits.
#[test]
fn the_frechet_distance_takes_covariances_without_full_rank() {
    let few = FeatureStatistics::from_features(&first(&features("ours"), 10)).unwrap();
    let theirs = FeatureStatistics::from_features(&features("theirs")).unwrap();
    let distance = frechet_distance(&few, &theirs).unwrap();
    assert_near(distance, &expected()["frechet_of_few"], 1e-7);
}

/// For Gaussians along the axes it is a sum over the axes: (m1 - m2)^2 + (s1 - s2)^2.
#[test]
fn the_frechet_distance_of_diagonal_gaussians_is_the_closed_form() {
    let diagonal = |deviations: [f64; 3], mean: [f64; 3]| {
        let mut covariance = [0.0; 9];
        for (k, deviation) in deviations.into_iter().enumerate() {
            covariance[4 * k] = deviation * deviation;
        }
        FeatureStatistics::from_parts(mean.to_vec(), &covariance).unwrap()
    };
    let (one, other) =
        (diagonal([1.0, 2.0, 0.0], [0.0, 1.0, 2.0]), diagonal([3.0, 0.5, 1.0], [1.0, 1.0, 0.0]));
    let distance = frechet_distance(&one, &other).unwrap();
    assert!((distance - (5.0 + 4.0 + 2.25 + 1.0)).abs() < 1e-12, "{distance}");
}

/// Between equal samples, even fewer than features, rounding must not make it negative.
#[test]
fn the_frechet_distance_is_never_negative() {
    let ours = features("ours");
    for count in 2..ours.len() {
        let same = FeatureStatistics::from_features(&first(&ours, count)).unwrap();
        let distance = frechet_distance(&same, &same).unwrap();
        assert!(distance >= 0.0 && distance.is_sign_positive(), "{count}: {distance}");
    }
}

fn kernel_of(
    one: &Features,
    other: &Features,
    options: KernelOptions,
) -> Result<KernelDistance, EvalError> {
    kernel_distance(one, other, options, &mut |_| ControlFlow::Continue(()))
}

/// One subset of all samples leaves no random choice.
#[test]
fn the_kernel_distance_is_torch_fidelitys() {
    let theirs = features("theirs");
    let ours = first(&features("ours"), theirs.len());
    let options = KernelOptions { subsets: 2, subset_size: theirs.len(), seed: 5 };
    let distance = kernel_of(&ours, &theirs, options).unwrap();
    assert_near(distance.mean, &expected()["kernel_of_all"], 1e-10);
    assert!(distance.deviation < 1e-12, "only the order of the sum differs");
}

/// Subsets scatter around the value of the whole sets, within a few standard errors of their mean.
#[test]
fn subsets_estimate_the_kernel_distance_without_bias() {
    let (ours, theirs) = (features("ours"), features("theirs"));
    let whole = KernelOptions { subsets: 1, subset_size: theirs.len(), seed: 0 };
    let whole = kernel_of(&first(&ours, theirs.len()), &theirs, whole).unwrap().mean;
    let options = KernelOptions { subsets: 400, subset_size: 40, seed: 0 };
    let distance = kernel_of(&first(&ours, theirs.len()), &theirs, options).unwrap();
    let error = distance.deviation / 20.0;
    println!("{} +- {error}, whole {whole}", distance.mean);
    assert!((distance.mean - whole).abs() < 4.0 * error, "{distance:?} {whole}");
}

/// Counts of samples are exact, apart from f32 in the printed mean.
#[test]
fn precision_and_recall_are_torch_fidelitys() {
    let found = precision_recall(&features("ours"), &features("theirs"), 3).unwrap();
    assert_near(found.precision, &expected()["precision"], 1e-6);
    assert_near(found.recall, &expected()["recall"], 1e-6);
    let same = precision_recall(&features("ours"), &features("ours"), 3).unwrap();
    assert_eq!((same.precision, same.recall), (1.0, 1.0));
}

/// Manifolds can be computed once and compared later, and either work can be stopped.
#[test]
fn manifolds_can_be_kept_and_their_computation_stopped() {
    let mut go_on = |_| ControlFlow::Continue(());
    let mut known = |name| Manifold::new(features(name), 3, &mut go_on).unwrap();
    let (ours, theirs) = (known("ours"), known("theirs"));
    let mut rows = 0;
    let found = ours.compare(&theirs, &mut |done| {
        rows = done;
        ControlFlow::Continue(())
    });
    assert_eq!(
        found.unwrap(),
        precision_recall(&features("ours"), &features("theirs"), 3).unwrap()
    );
    assert_eq!(rows, features("ours").len());
    let mut stop = |_| ControlFlow::Break(());
    assert!(matches!(Manifold::new(features("ours"), 3, &mut stop), Err(EvalError::Stopped)));
    assert!(matches!(ours.compare(&theirs, &mut stop), Err(EvalError::Stopped)));
}

#[test]
fn the_inception_score_is_torch_fidelitys() {
    let score = inception_score(&features("ours"), 10).unwrap();
    assert_near(score.mean, &expected()["inception_score"][0], 1e-10);
    assert_near(score.deviation, &expected()["inception_score"][1], 1e-9);
    // Images that all have the same distribution over classes score 1.
    let alike = Features::new([1.0, -2.0, 0.5].repeat(20), 3).unwrap();
    assert!((inception_score(&alike, 2).unwrap().mean - 1.0).abs() < 1e-12);
}

#[test]
fn too_few_samples_and_misfits_are_refused() {
    let (ours, theirs) = (features("ours"), features("theirs"));
    let narrow = Features::new(vec![0.0; 40], 4).unwrap();
    let message = |error: halfstep_eval::EvalError| error.to_string();
    let wrong = kernel_of(&ours, &theirs, KernelOptions::default());
    assert!(message(wrong.unwrap_err()).contains("at least 1000 samples"));
    assert!(message(precision_recall(&ours, &narrow, 3).unwrap_err()).contains("24 and 4"));
    let few = first(&ours, 3);
    assert!(message(precision_recall(&few, &theirs, 3).unwrap_err()).contains("at least 4"));
    assert!(
        message(FeatureStatistics::from_features(&first(&ours, 1)).unwrap_err())
            .contains("at least 2")
    );
    assert!(message(inception_score(&few, 10).unwrap_err()).contains("at least 10"));
    assert!(Features::new(vec![f32::NAN], 1).is_err());
    assert!(FeatureStatistics::from_parts(vec![0.0; 2], &[1.0]).is_err());
}
