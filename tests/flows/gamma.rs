//! The Gamma table: measured with a denoiser whose Gamma is known, stopped, resumed, refused.

use std::ops::ControlFlow;
use std::path::Path;

use burn::tensor::{Device, Tensor};
use halfstep_core::rng::{Purpose, Stream};
use halfstep_core::{
    CosineSchedule, Denoiser, DiscreteSchedule, GaussianOracle, Prediction, PredictionType,
    TimePoint, optimal_trajectory,
};
use halfstep_data::Dataset;
use halfstep_sample::{GammaError, GammaEstimate, GammaSource, GammaTable};

const SHAPE: [usize; 3] = [1, 4, 4];
const PIXELS: usize = 16;
const TIMES: usize = 24;

/// Ends in pure noise.
fn schedule() -> DiscreteSchedule {
    DiscreteSchedule::from_continuous(&CosineSchedule::unclipped(), TIMES).unwrap()
}

/// Images whose pixels differ in mean and spread; the last two pixels are constant.
fn dataset(count: usize) -> Dataset {
    let mut stream = Stream::new(9, Purpose::Evaluation, 0);
    let mut pixel = |j: usize| match j {
        14 | 15 => 200,
        _ => stream.below(40 + 13 * j as u64) as u8 + 2 * j as u8,
    };
    let pixels = (0..count * PIXELS).map(|i| pixel(i % PIXELS)).collect();
    Dataset::new("bytes", SHAPE, pixels, None, None).unwrap()
}

/// The best linear denoiser of these very images: its `E|eps_hat|^2` is the Gaussian's, since it
/// depends on their mean and variance alone.
fn oracle(dataset: &Dataset) -> GaussianOracle {
    let n = dataset.len() as f64;
    let unit = |i: usize, j: usize| f64::from(dataset.image(i)[j]) / 127.5 - 1.0;
    let average = |of: &dyn Fn(usize) -> f64| (0..dataset.len()).map(of).sum::<f64>() / n;
    let mean: Vec<f64> = (0..PIXELS).map(|j| average(&|i| unit(i, j))).collect();
    let var = (0..PIXELS).map(|j| average(&|i| (unit(i, j) - mean[j]).powi(2))).collect();
    GaussianOracle::new(mean, var).unwrap()
}

fn estimate<'a>(
    dir: &'a Path,
    dataset: &'a Dataset,
    schedule: &'a DiscreteSchedule,
    samples: usize,
    device: &'a Device,
) -> GammaEstimate<'a> {
    let source = GammaSource {
        samples,
        seed: 3,
        dataset: dataset.name().to_owned(),
        dataset_sha256: dataset.sha256().to_owned(),
        model_sha256: "none".to_owned(),
    };
    GammaEstimate {
        model_dir: dir,
        dataset,
        source,
        schedule,
        shape: SHAPE,
        num_classes: None,
        batch_size: 32,
        device,
    }
}

/// Runs to the end with a denoiser that takes no class.
fn run(estimate: &GammaEstimate<'_>, denoiser: &dyn Denoiser) -> Result<GammaTable, GammaError> {
    let go_on = &mut |_, _| ControlFlow::Continue(());
    estimate.run(&|_| Ok(Box::new(By(denoiser))), go_on).map(|table| table.unwrap())
}

/// A denoiser by reference.
struct By<'a>(&'a dyn Denoiser);

impl Denoiser for By<'_> {
    fn predict(&self, z: Tensor<4>, at: &[TimePoint]) -> Prediction {
        self.0.predict(z, at)
    }
}

#[test]
fn the_estimate_is_gamma_within_its_standard_error() {
    let (dir, device) = (tempfile::tempdir().unwrap(), Device::flex());
    let (dataset, schedule) = (dataset(500), schedule());
    let oracle = oracle(&dataset);
    let samples = 400;
    let table = run(&estimate(dir.path(), &dataset, &schedule, samples, &device), &oracle).unwrap();
    let mut squares = Vec::new();
    for t in 0..TIMES {
        let level = schedule.at(t);
        let want = level.sigma().powi(2) * oracle.gamma(level);
        let (got, error) = (table.eps_norm2[t], table.standard_error[t]);
        // f32 in the sums.
        assert!((got - want).abs() < 5.0 * error + 1e-6, "t = {t}: {got} +- {error}, not {want}");
        let gamma = table.gamma(&schedule, t) / oracle.gamma(level);
        assert!((gamma - got / want).abs() < 1e-12);
        if error > 1e-5 {
            squares.push(((got - want) / error).powi(2));
        }
    }
    // Chi squared of this many degrees, over their number: 1, give or take four deviations.
    let count = squares.len() as f64;
    let mean = squares.iter().sum::<f64>() / count;
    assert!(count > 18.0 && (mean - 1.0).abs() < 4.0 * (2.0 / count).sqrt(), "{mean} of {count}");

    // The plain mean would stray by sqrt(2 / (d M)) at the noisy end.
    let plain = (2.0 / (PIXELS * samples) as f64).sqrt();
    assert!(table.standard_error[TIMES - 1] < 1e-6, "{:?}", table.standard_error);
    assert!(table.standard_error[TIMES - 3] < plain / 20.0, "{:?}", table.standard_error);
    assert!(table.standard_error.iter().all(|error| *error < plain));
    assert_eq!(GammaTable::read(dir.path()).unwrap(), table);
    let times = optimal_trajectory(&schedule, &table.eps_norm2, table.data_variance, 5);
    assert_eq!(times.unwrap().len(), 5);
}

#[test]
fn the_variance_of_the_data_given_z_is_the_oracles() {
    let (dir, device) = (tempfile::tempdir().unwrap(), Device::flex());
    let (dataset, schedule) = (dataset(500), schedule());
    let oracle = oracle(&dataset);
    let table = run(&estimate(dir.path(), &dataset, &schedule, 400, &device), &oracle).unwrap();
    let of_data = oracle.var().iter().sum::<f64>() / PIXELS as f64;
    assert!((table.data_variance - of_data).abs() < 1e-14);
    for t in 0..TIMES - 1 {
        let point = schedule.point(t);
        let (got, want) =
            (table.posterior_data_variance(point), oracle.optimal_x0_mse(point.level));
        assert!((got / want - 1.0).abs() < 0.1, "t = {t}: {got}, expected {want}");
    }
    assert_eq!(table.posterior_data_variance(schedule.point(TIMES - 1)), table.data_variance);
    assert_eq!(table.posterior_data_variance(TimePoint::CLEAN), 0.0);
    // Between two times, and beyond what an exact network has.
    let level = schedule.at(5);
    let middle = table.posterior_data_variance(TimePoint { t: 4.5, level });
    let mean = (table.eps_norm2[4] + table.eps_norm2[5]) / 2.0;
    let want = halfstep_core::posterior_data_variance(level, mean).unwrap();
    assert!((middle - want).abs() < 1e-15);
    let wild = GammaTable { eps_norm2: vec![1.5; TIMES], ..table.clone() };
    assert_eq!(wild.posterior_data_variance(schedule.point(5)), 0.0);
    assert_eq!(wild.divided(), TIMES);
    let wild = GammaTable { eps_norm2: vec![0.0; TIMES], ..table.clone() };
    assert_eq!(wild.posterior_data_variance(schedule.point(20)), table.data_variance);
}

#[test]
fn stopped_anywhere_and_resumed_it_ends_the_same() {
    let (whole, device) = (tempfile::tempdir().unwrap(), Device::flex());
    let (dataset, schedule) = (dataset(70), schedule());
    let oracle = oracle(&dataset);
    let estimate = estimate(whole.path(), &dataset, &schedule, 50, &device);
    let expected = run(&estimate, &oracle).unwrap();
    // Two batches a time: at a time's start, within it, at the last batch but one.
    for batches in [vec![0], vec![1], vec![2, 2], vec![7, 12, 1], vec![2 * TIMES - 1]] {
        let dir = tempfile::tempdir().unwrap();
        let source = estimate.source.clone();
        let estimate = GammaEstimate { model_dir: dir.path(), source, ..estimate };
        let mut expected_start = 0;
        for batches in batches {
            let mut calls = Vec::new();
            let stopped = estimate.run(&|_| Ok(Box::new(By(&oracle))), &mut |done, total| {
                assert_eq!(total, 50 * TIMES as u64);
                calls.push(done);
                if calls.len() > batches {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
            assert_eq!(stopped.unwrap(), None);
            assert_eq!(calls[0], expected_start);
            expected_start = *calls.last().unwrap();
            assert!(dir.path().join("gamma.partial.json").exists());
            assert!(!dir.path().join("gamma.json").exists());
        }
        let resumed = run(&estimate, &oracle).unwrap();
        assert_eq!(resumed, expected);
        let files = [&whole, &dir].map(|dir| std::fs::read(dir.path().join("gamma.json")).unwrap());
        assert_eq!(files[0], files[1]);
        assert!(!dir.path().join("gamma.partial.json").exists());
    }
}

#[test]
fn a_stop_at_the_very_end_is_too_late() {
    let (dir, device) = (tempfile::tempdir().unwrap(), Device::flex());
    let (dataset, schedule) = (dataset(70), schedule());
    let oracle = oracle(&dataset);
    let table = estimate(dir.path(), &dataset, &schedule, 20, &device).run(
        &|_| Ok(Box::new(By(&oracle))),
        &mut |done, total| {
            if done == total { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
    );
    assert!(table.unwrap().is_some());
}

#[test]
fn the_batch_size_does_not_matter() {
    let device = Device::flex();
    let (dataset, schedule) = (dataset(70), schedule());
    let oracle = oracle(&dataset);
    let tables = [1, 7, 50, 1000].map(|batch_size| {
        let dir = tempfile::tempdir().unwrap();
        let estimate = estimate(dir.path(), &dataset, &schedule, 50, &device);
        run(&GammaEstimate { batch_size, ..estimate }, &oracle).unwrap()
    });
    for table in &tables[1..] {
        for (a, b) in tables[0].eps_norm2.iter().zip(&table.eps_norm2) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
    }
}

/// Two classes, each of one image only: knowing the class, nothing is left to know, and eps_hat is
/// the noise itself.
#[test]
fn classes_reach_the_network_and_the_variance_is_within_them() {
    let device = Device::flex();
    let schedule = schedule();
    let labels: Vec<u32> = (0..60).map(|i| u32::from(i % 3 == 0)).collect();
    let pixels = labels.iter().flat_map(|&label| [label as u8 * 150 + 50; PIXELS]).collect();
    let dataset = Dataset::new("two", SHAPE, pixels, Some(labels), Some(2)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let estimate = estimate(dir.path(), &dataset, &schedule, 20, &device);
    let estimate = GammaEstimate { num_classes: Some(2), ..estimate };
    let table = estimate.run(
        &|labels| {
            let labels = labels.unwrap();
            Ok(Box::new(move |z: Tensor<4>, at: &[TimePoint]| {
                let values =
                    labels.iter().map(|&label| (label as f32 * 150.0 + 50.0) / 127.5 - 1.0);
                let values: Vec<f32> = values.collect();
                let x0 = Tensor::<1>::from_floats(values.as_slice(), &z.device());
                let x0 = x0.reshape([labels.len(), 1, 1, 1]).expand(z.dims());
                Prediction::new(PredictionType::Sample, x0, z, &[at[0].level])
            }))
        },
        &mut |_, _| ControlFlow::Continue(()),
    );
    let table = table.unwrap().unwrap();
    assert!(table.data_variance < 1e-15, "{}", table.data_variance);
    assert!(table.eps_norm2.iter().all(|value| (value - 1.0).abs() < 1e-4), "{table:?}");
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let (dir, device) = (tempfile::tempdir().unwrap(), Device::flex());
    let (dataset, schedule) = (dataset(70), schedule());
    let oracle = oracle(&dataset);
    let make = || estimate(dir.path(), &dataset, &schedule, 20, &device);
    let says = |estimate: GammaEstimate<'_>, words: &[&str]| {
        let message = run(&estimate, &oracle).unwrap_err().to_string();
        assert!(words.iter().all(|words| message.contains(words)), "{message}");
    };
    says(GammaEstimate { shape: [3, 4, 4], ..make() }, &["bytes", "[1, 4, 4]", "[3, 4, 4]"]);
    says(GammaEstimate { num_classes: Some(10), ..make() }, &["bytes has 0 classes", "has 10"]);
    let few = GammaSource { samples: 9, ..make().source };
    says(GammaEstimate { source: few, ..make() }, &["9 images", "at least 10"]);
    let broken = |z: Tensor<4>, at: &[TimePoint]| {
        let scale = if at[0].t == 20.0 { f32::NAN } else { 1.0 };
        Prediction::new(PredictionType::Epsilon, z.clone() * scale, z, &[at[0].level])
    };
    let error = run(&make(), &broken).unwrap_err();
    assert!(matches!(error, GammaError::NotFinite { t: 20 }), "{error}");
    assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none(), "nothing is left behind");
}

#[test]
fn an_unfinished_estimate_of_something_else_is_kept() {
    let (dir, device) = (tempfile::tempdir().unwrap(), Device::flex());
    let (dataset, schedule) = (dataset(70), schedule());
    let oracle = oracle(&dataset);
    let make = || estimate(dir.path(), &dataset, &schedule, 20, &device);
    let stop = &mut |_, _| ControlFlow::Break(());
    assert_eq!(make().run(&|_| Ok(Box::new(By(&oracle))), stop).unwrap(), None);
    let path = dir.path().join("gamma.partial.json");
    let before = std::fs::read(&path).unwrap();
    let shorter = DiscreteSchedule::linear(9, 0.1, 0.2).unwrap();
    for (estimate, words) in [
        (GammaEstimate { source: GammaSource { seed: 4, ..make().source }, ..make() }, "seed is 3"),
        (GammaEstimate { schedule: &shorter, ..make() }, "24 times, not 9"),
    ] {
        let message = run(&estimate, &oracle).unwrap_err().to_string();
        assert!(message.contains(words) && message.contains("delete it"), "{message}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
    for damage in ["", "{}", &String::from_utf8(before).unwrap().replace("draws", "drawn")] {
        std::fs::write(&path, damage).unwrap();
        let message = run(&make(), &oracle).unwrap_err().to_string();
        assert!(message.contains("damaged") && message.contains("delete it"), "{message}");
    }
}
