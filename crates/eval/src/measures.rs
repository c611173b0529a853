//! What is measured, and how it is told.

use halfstep_eval::{
    EvalError, Features, InceptionScore, KernelOptions, Statistics, frechet_distance,
    inception_score, kernel_distance, precision_recall,
};
use halfstep_train::SweepMeasure;
use serde_json::{Map, Value, json};

use crate::judge::Said;

/// Neighbours of precision and recall, and parts of an Inception score, as in their papers.
const NEIGHBOURS: usize = 3;
const PARTS: usize = 10;
/// Directions in which the pixels of the real images differ most.
const COMPONENTS: usize = 64;

/// A number with a name.
pub struct Measure {
    /// In JSON.
    pub key: &'static str,
    /// For people.
    pub name: &'static str,
    pub value: f64,
    /// Deviation among subsets or parts, where there are any.
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
}

/// Keys and names of Frechet distance, kernel distance, precision and recall.
type Names = [(&'static str, &'static str); 4];

fn names(measure: SweepMeasure) -> Names {
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

/// All that can be measured; the Frechet distance comes first.
///
/// That takes all samples of both sides; precision and recall, which depend on how many there are, as
/// many of each.
pub fn measures(
    measure: SweepMeasure,
    generated: &Said,
    real: &Real,
) -> Result<Vec<Measure>, EvalError> {
    let [frechet, kernel, precision, recall] = names(measure);
    let statistics = Statistics::of(&generated.features)?;
    let distance = frechet_distance(&statistics, &real.statistics)?;
    let mut measures = vec![Measure::new(frechet.0, frechet.1, distance)];
    if measure == SweepMeasure::PixelFrechet {
        let axes = real.statistics.principal_axes(COMPONENTS)?;
        let distance = frechet_distance(&statistics.along(&axes), &real.statistics.along(&axes))?;
        let name = "Frechet distance of 64 principal components";
        measures.push(Measure::new("principal_frechet", name, distance));
    }
    if let Some(real) = &real.features {
        let (value, deviation) = kernel_mean(&generated.features, real)?;
        measures.push(Measure {
            deviation: Some(deviation),
            ..Measure::new(kernel.0, kernel.1, value)
        });
        let count = generated.features.len().min(real.len());
        let (ours, theirs) = (generated.features.spread(count), real.spread(count));
        let near = precision_recall(&ours, &theirs, NEIGHBOURS)?;
        measures.push(Measure::new(precision.0, precision.1, near.precision));
        measures.push(Measure::new(recall.0, recall.1, near.recall));
    }
    if let Some(logits) = generated.logits.as_ref().filter(|logits| logits.len() >= PARTS) {
        let InceptionScore { mean, deviation } = inception_score(logits, PARTS)?;
        measures.push(Measure {
            deviation: Some(deviation),
            ..Measure::new("inception_score", "Inception score", mean)
        });
    }
    Ok(measures)
}

/// Subsets of 1000, or of all where there are fewer.
fn kernel_mean(generated: &Features, real: &Features) -> Result<(f64, f64), EvalError> {
    let defaults = KernelOptions::default();
    let subset_size = defaults.subset_size.min(generated.len()).min(real.len());
    let distance = kernel_distance(generated, real, KernelOptions { subset_size, ..defaults })?;
    Ok((distance.mean, distance.deviation))
}

/// A Markdown table.
pub fn table(measures: &[Measure]) -> String {
    let width = measures.iter().map(|measure| measure.name.len()).max().unwrap_or(0);
    let rows = measures.iter().map(|measure| {
        let deviation = measure.deviation.map_or(String::new(), |value| format!(" +- {value:.5}"));
        format!("| {:width$} | {:.5}{deviation} |\n", measure.name, measure.value)
    });
    format!("| {:width$} | |\n|{:-<2$}|---:|\n{3}", "", "", width + 2, rows.collect::<String>())
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
