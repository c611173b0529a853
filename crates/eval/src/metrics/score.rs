//! What is measured, and how it is told.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::rc::Rc;

use crate::{
    EvalError, Features, InceptionScore, KernelOptions, Manifold, OnDone, PrecisionRecall,
    Statistics, frechet_distance, inception_score, kernel_distance,
};
use halfstep_run::SweepMeasure;
use serde_json::{Map, Value, json};

use crate::evaluation::judge::Said;
use crate::metrics::counts::{NEIGHBOURS, PARTS, is_enough_for_neighbours, is_enough_for_score};

/// Of the order that images are divided in for an Inception score.
const ORDER_SEED: u64 = 0;
/// Directions in which the pixels of the real images differ most.
const COMPONENTS: usize = 64;

/// A number with a name.
pub struct Measure {
    /// In JSON.
    pub key: &'static str,
    /// For people.
    pub name: &'static str,
    pub value: f64,
    /// Standard deviation among subsets or parts, where there are any.
    pub deviation: Option<f64>,
}

impl Measure {
    fn new(key: &'static str, name: &'static str, value: f64) -> Self {
        Self { key, name, value, deviation: None }
    }
}

/// What is known of the real images.
pub struct Real {
    /// Not if all there is are published statistics.
    pub features: Option<Features>,
    pub statistics: Statistics,
    /// What the last measurement found that so many of them cover.
    manifold: RefCell<Option<(usize, Rc<Manifold>)>>,
}

impl Real {
    pub fn new(features: Option<Features>, statistics: Statistics) -> Self {
        Self { features, statistics, manifold: RefCell::new(None) }
    }

    /// Rows of distances that precision and recall of `count` images of each side take.
    fn rows(&self, count: usize) -> usize {
        count * if self.known(count).is_some() { 2 } else { 3 }
    }

    /// What `count` of the real images cover, if it is known.
    fn known(&self, count: usize) -> Option<Rc<Manifold>> {
        let known = self.manifold.borrow();
        known.as_ref().filter(|(of, _)| *of == count).map(|(_, manifold)| manifold.clone())
    }
}

/// Keys and names of Frechet distance, kernel distance, precision and recall.
pub type Names = [(&'static str, &'static str); 4];

pub fn names(measure: SweepMeasure) -> Names {
    match measure {
        SweepMeasure::Fid => {
            [("fid", "FID"), ("kid", "KID"), ("precision", "precision"), ("recall", "recall")]
        }
        SweepMeasure::FeatureFrechet => [
            ("feature_frechet", "Frechet distance of features"),
            ("feature_kernel", "kernel distance of features"),
            ("feature_precision", "precision by features"),
            ("feature_recall", "recall by features"),
        ],
        SweepMeasure::PixelFrechet => [
            ("pixel_frechet", "Frechet distance of pixels"),
            ("pixel_kernel", "kernel distance of pixels"),
            ("pixel_precision", "precision by pixels"),
            ("pixel_recall", "recall by pixels"),
        ],
    }
}

/// Called with (pairs of samples that have been compared, pairs in all); a break stops the measuring.
pub type OnPairs<'a> = dyn FnMut(u64, u64) -> ControlFlow<()> + 'a;

/// All that can be measured; the Frechet distance comes first. `progress` is told of what takes long with
/// many images: pairs of samples are compared, for the kernel distance those of subsets, for precision
/// and recall all.
///
/// The Frechet distance takes all samples of both sides; precision and recall, which depend on how many
/// there are, as many of each.
pub fn measures(
    measure: SweepMeasure,
    generated: &Said,
    real: &Real,
    progress: &mut OnPairs<'_>,
) -> Result<Vec<Measure>, EvalError> {
    let [frechet, ..] = names(measure);
    let statistics = Statistics::of(&generated.features)?;
    let distance = frechet_distance(&statistics, &real.statistics)?;
    let mut measures = vec![Measure::new(frechet.0, frechet.1, distance)];
    if measure == SweepMeasure::PixelFrechet {
        let axes = real.statistics.principal_axes(COMPONENTS)?;
        let distance = frechet_distance(&statistics.along(&axes), &real.statistics.along(&axes))?;
        let name = "Frechet distance of 64 principal components";
        measures.push(Measure::new("principal_frechet", name, distance));
    }
    if let Some(features) = &real.features {
        measures.extend(of_pairs(measure, &generated.features, real, features, progress)?);
    }
    let logits = generated.logits.as_ref();
    if let Some(logits) = logits.filter(|logits| is_enough_for_score(logits.len())) {
        let InceptionScore { mean, deviation } =
            inception_score(&logits.shuffled(ORDER_SEED), PARTS)?;
        measures.push(Measure {
            deviation: Some(deviation),
            ..Measure::new("inception_score", "Inception score", mean)
        });
    }
    Ok(measures)
}

/// Those that compare pairs of samples: kernel distance, precision and recall.
fn of_pairs(
    measure: SweepMeasure,
    ours: &Features,
    real: &Real,
    features: &Features,
    progress: &mut OnPairs<'_>,
) -> Result<Vec<Measure>, EvalError> {
    let [_, kernel, precision, recall] = names(measure);
    let options = kernel_options(ours, features);
    let count = ours.len().min(features.len());
    let of_subset = 3 * (options.subset_size as u64).pow(2);
    let of_kernel = options.subsets as u64 * of_subset;
    let has_neighbours = is_enough_for_neighbours(count);
    let rows = if has_neighbours { real.rows(count) } else { 0 };
    let total = of_kernel + (rows * count) as u64;
    let on_subset: &mut OnDone<'_> = &mut |done| progress(done as u64 * of_subset, total);
    let (value, deviation) = kernel_mean(ours, features, options, on_subset)?;
    let mut measures = vec![Measure { deviation, ..Measure::new(kernel.0, kernel.1, value) }];
    if has_neighbours {
        let on_rows: &mut OnDone<'_> =
            &mut |done| progress(of_kernel + (done * count) as u64, total);
        let near = near(ours, real, features, on_rows)?;
        measures.push(Measure::new(precision.0, precision.1, near.precision));
        measures.push(Measure::new(recall.0, recall.1, near.recall));
    }
    Ok(measures)
}

/// Precision and recall of as many of one side as of the other.
fn near(
    generated: &Features,
    real: &Real,
    features: &Features,
    on_rows: &mut OnDone<'_>,
) -> Result<PrecisionRecall, EvalError> {
    let count = generated.len().min(features.len());
    let before = Cell::new(0);
    let on_rows: &mut OnDone<'_> = &mut |done| on_rows(before.get() + done);
    let theirs = match real.known(count) {
        Some(known) => known,
        None => {
            let made = Rc::new(Manifold::of(features.spread(count), NEIGHBOURS, on_rows)?);
            *real.manifold.borrow_mut() = Some((count, made.clone()));
            before.set(count);
            made
        }
    };
    let ours = Manifold::of(generated.spread(count), NEIGHBOURS, on_rows)?;
    before.set(before.get() + count);
    ours.compare(&theirs, on_rows)
}

/// Subsets of 1000, or of as many as the smaller side has; one, where both sides are one.
fn kernel_options(generated: &Features, real: &Features) -> KernelOptions {
    let defaults = KernelOptions::default();
    let (fewer, more) = (generated.len().min(real.len()), generated.len().max(real.len()));
    let subset_size = defaults.subset_size.min(fewer);
    let subsets = if more == subset_size { 1 } else { defaults.subsets };
    KernelOptions { subsets, subset_size, ..defaults }
}

/// Mean and deviation. A subset that is a whole side is always the same one: the deviation would be of the
/// other side alone, so there is none.
fn kernel_mean(
    generated: &Features,
    real: &Features,
    options: KernelOptions,
    on_subset: &mut OnDone<'_>,
) -> Result<(f64, Option<f64>), EvalError> {
    let distance = kernel_distance(generated, real, options, on_subset)?;
    let fewer = generated.len().min(real.len());
    Ok((distance.mean, (options.subset_size < fewer).then_some(distance.deviation)))
}

/// A Markdown table.
pub fn table(measures: &[Measure]) -> String {
    let width = measures.iter().map(|measure| measure.name.len()).max().unwrap_or(0);
    let rows = measures.iter().map(|measure| {
        let deviation = measure.deviation.map_or(String::new(), |value| format!(" +- {value:.5}"));
        format!("| {:width$} | {}{deviation} |\n", measure.name, fixed(measure.value))
    });
    format!("| {:width$} | |\n|{:-<2$}|---:|\n{3}", "", "", width + 2, rows.collect::<String>())
}

/// Five decimals. A negative value that rounds to zero is printed without its sign.
fn fixed(value: f64) -> String {
    let text = format!("{value:.5}");
    match text.strip_prefix('-') {
        Some(zero) if zero.chars().all(|c| matches!(c, '0' | '.')) => zero.to_owned(),
        _ => text,
    }
}

/// For programs.
pub fn to_json(measures: &[Measure]) -> Map<String, Value> {
    let mut fields = Map::new();
    for measure in measures {
        fields.insert(measure.key.to_owned(), json!(measure.value));
        if let Some(deviation) = measure.deviation {
            fields.insert(format!("{}_deviation", measure.key), json!(deviation));
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use halfstep_data::{Purpose, Stream};

    fn features(count: usize, stream: u64) -> Features {
        let mut draws = Stream::new(0, Purpose::Evaluation, stream);
        Features::new(draws.normals(2 * count), 2).unwrap()
    }

    /// The pairs that are told rise to all there are; and whatever is being measured, a break ends it.
    #[test]
    fn measuring_tells_how_far_it_is_and_can_be_stopped_anywhere() {
        let (generated, real) = (features(30, 0), features(31, 1));
        let generated = Said { features: generated, logits: None };
        let statistics = Statistics::of(&real).unwrap();
        let measure = |stop_at: usize, told: &mut Vec<u64>| {
            let real = Real::new(Some(real.clone()), statistics.clone());
            let progress: &mut OnPairs<'_> = &mut |done, total| {
                assert_eq!(total, 100 * 3 * 30 * 30 + 3 * 30 * 30);
                told.push(done);
                if told.len() == stop_at {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            };
            measures(SweepMeasure::FeatureFrechet, &generated, &real, progress)
        };
        let mut told = Vec::new();
        measure(usize::MAX, &mut told).unwrap();
        assert!(told.is_sorted_by(|a, b| a < b) && told.last() == Some(&272_700), "{told:?}");
        for stop_at in [1, 100, 101, told.len()] {
            let stopped = measure(stop_at, &mut Vec::new());
            assert!(matches!(stopped, Err(EvalError::Stopped)), "{stop_at}");
        }
    }

    /// Too few for neighbours: what else there is is measured all the same.
    #[test]
    fn three_images_have_distances_and_no_precision() {
        let (ours, three) = (features(30, 0), features(3, 1));
        let real = Real::new(Some(three.clone()), Statistics::of(&three).unwrap());
        let ours = Said { features: ours, logits: None };
        let go_on: &mut OnPairs<'_> = &mut |_, _| ControlFlow::Continue(());
        let measures = measures(SweepMeasure::PixelFrechet, &ours, &real, go_on).unwrap();
        let keys: Vec<&str> = measures.iter().map(|measure| measure.key).collect();
        assert_eq!(keys, ["pixel_frechet", "principal_frechet", "pixel_kernel"]);
    }

    #[test]
    fn nothing_has_no_sign() {
        for (value, shown) in [
            (-0.0, "0.00000"),
            (-4e-6, "0.00000"),
            (-6e-6, "-0.00001"),
            (0.0, "0.00000"),
            (-10.0, "-10.00000"),
            (1.5, "1.50000"),
        ] {
            assert_eq!(fixed(value), shown);
        }
    }

    #[test]
    fn a_kernel_distance_has_a_deviation_if_both_sides_have_more_than_a_subset() {
        let deviation = |ours: &Features, theirs: &Features| {
            let go_on: &mut OnDone<'_> = &mut |_| ControlFlow::Continue(());
            kernel_mean(ours, theirs, kernel_options(ours, theirs), go_on).unwrap().1
        };
        let (few, many) = (features(400, 0), features(1200, 1));
        assert!(deviation(&few, &features(400, 2)).is_none());
        assert!(deviation(&few, &many).is_none());
        assert!(deviation(&many, &features(1200, 3)).unwrap() > 0.0);
    }
}
