//! The evaluator: which scores it computes, what it reports, and how it is stopped.

use std::cell::{Cell, RefCell};
use std::path::Path;

use halfstep_eval::{
    EvalCache, EvalContext, EvalError, EvalEvent, EvalObserver, EvaluatedImages, Evaluator,
    FeatureExtractor, FeatureKind, FeatureStatistics, ImageSet, ReferenceData, WorkUnit,
};
use halfstep_model::DeviceBackend;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

/// `count` RGB images of 4x4 pixels.
fn images(count: usize, seed: usize) -> ImageSet {
    let byte = |k: usize| (((k + seed) * 2_654_435_761) >> 7) as u8;
    let bytes = (0..count * 48).map(byte).collect();
    ImageSet::from_bytes(format!("set {seed}"), bytes, [4, 4, 3]).unwrap()
}

/// Records events, and stops once it was asked `stop_after` times.
struct Recorder {
    events: RefCell<Vec<EvalEvent>>,
    asked: Cell<usize>,
    stop_after: usize,
}

impl Recorder {
    fn new(stop_after: usize) -> Self {
        Self { events: RefCell::new(Vec::new()), asked: Cell::new(0), stop_after }
    }
}

impl EvalObserver for Recorder {
    fn on_event(&self, event: EvalEvent) {
        self.events.borrow_mut().push(event);
    }

    fn should_stop(&self) -> bool {
        self.asked.set(self.asked.get() + 1);
        self.asked.get() > self.stop_after
    }
}

fn context(observer: &dyn EvalObserver, cache: Option<EvalCache>) -> EvalContext<'_> {
    let device = DeviceBackend::Cpu.select().unwrap();
    EvalContext { cache, batch_size: 8, observer, ..EvalContext::new(device) }
}

fn pixel_scores(observer: &dyn EvalObserver) -> Result<Vec<&'static str>, EvalError> {
    let context = context(observer, None);
    let pixels = FeatureExtractor::Pixels { channels: 3 };
    let evaluator = Evaluator::new(pixels, ReferenceData::Images(images(20, 1)), &context)?;
    let scores = evaluator.scores(&EvaluatedImages::stored(images(30, 2))?)?;
    Ok(scores.into_iter().map(|score| score.metric.key).collect())
}

#[test]
fn counted_work_is_reported_from_its_beginning_to_its_total() {
    let recorder = Recorder::new(usize::MAX);
    let expected =
        ["pixel_frechet", "principal_frechet", "pixel_kernel", "pixel_precision", "pixel_recall"];
    assert_eq!(pixel_scores(&recorder).unwrap(), expected);
    let events = recorder.events.into_inner();
    let units: Vec<WorkUnit> = events
        .iter()
        .filter_map(|event| match event {
            EvalEvent::Began(unit) => Some(*unit),
            _ => None,
        })
        .collect();
    assert_eq!(units, [WorkUnit::Images, WorkUnit::Images, WorkUnit::Pairs]);
    assert_eq!(events.iter().filter(|event| **event == EvalEvent::Ended).count(), 3);
    let [.., EvalEvent::Progress { done, total }, EvalEvent::Ended] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(done, total);
}

#[test]
fn an_observer_can_stop_the_evaluation_at_any_question() {
    let recorder = Recorder::new(usize::MAX);
    pixel_scores(&recorder).unwrap();
    for stop_after in 0..recorder.asked.get() {
        let stopped = pixel_scores(&Recorder::new(stop_after));
        assert!(matches!(stopped, Err(EvalError::Stopped)), "{stop_after}");
    }
    assert!(pixel_scores(&()).is_ok());
}

/// The features of a network are kept in the cache; the second evaluation reads them.
#[test]
fn features_are_computed_once_with_a_cache_and_equal_those_without() {
    let dir = tempfile::tempdir().unwrap();
    let features = |cache: Option<EvalCache>| {
        let context = context(&(), cache);
        let path = Path::new(FIXTURES).join("feature_network.json");
        let network = FeatureExtractor::user_network(&path, &context.device.device).unwrap();
        let real = ReferenceData::Images(images(20, 1));
        let evaluator = Evaluator::new(network, real, &context).unwrap();
        assert_eq!(evaluator.kind(), FeatureKind::UserNetwork);
        evaluator.features(&EvaluatedImages::stored(images(30, 2)).unwrap()).unwrap()
    };
    let files = || std::fs::read_dir(dir.path()).unwrap().count();
    let cache = || Some(EvalCache::new(dir.path().to_path_buf()));
    let first = features(cache());
    assert_eq!(files(), 2);
    assert_eq!(features(cache()), first);
    assert_eq!(features(None), first);
    assert_eq!(files(), 2);
}

#[test]
fn statistics_of_another_network_are_refused() {
    let context = context(&(), None);
    let statistics = || {
        let statistics = FeatureStatistics::from_parts(vec![0.0], &[1.0]).unwrap();
        ReferenceData::Statistics(statistics)
    };
    let pixels = FeatureExtractor::Pixels { channels: 3 };
    let refused = Evaluator::new(pixels, statistics(), &context).map(drop);
    assert!(matches!(refused, Err(EvalError::StatisticsOfPixels)));
    let path = Path::new(FIXTURES).join("feature_network.json");
    let network = FeatureExtractor::user_network(&path, &context.device.device).unwrap();
    let refused = Evaluator::new(network, statistics(), &context).map(drop);
    assert!(matches!(refused, Err(EvalError::StatisticsDimension { found: 1, needed: 5 })));
}
