//! What is measured, and how it is told.

use halfstep_eval::{
    Answers, EvalError, Features, InceptionScore, KernelOptions, Statistics, frechet_distance,
    inception_score, kernel_distance, precision_recall,
};
use serde_json::{Map, Value, json};

/// Neighbours of precision and recall, and parts of an Inception score, as in their papers.
const NEIGHBOURS: usize = 3;
const PARTS: usize = 10;

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

/// By the Inception network.
pub fn of_inception(generated: &Answers, real: &RealFeatures) -> Result<Vec<Measure>, EvalError> {
    let mut measures = Vec::new();
    let statistics = Statistics::of(&generated.features)?;
    let fid = match real {
        RealFeatures::Features(real) => frechet_distance(&statistics, &Statistics::of(real)?)?,
        RealFeatures::Statistics(real) => frechet_distance(&statistics, real)?,
    };
    measures.push(Measure::new("fid", "FID", fid));
    if let RealFeatures::Features(real) = real {
        let (kid, deviation) = kernel(&generated.features, real)?;
        measures.push(Measure { deviation: Some(deviation), ..Measure::new("kid", "KID", kid) });
        let near = precision_recall(&generated.features, real, NEIGHBOURS)?;
        measures.push(Measure::new("precision", "precision", near.precision));
        measures.push(Measure::new("recall", "recall", near.recall));
    }
    if generated.logits.len() >= PARTS {
        let InceptionScore { mean, deviation } = inception_score(&generated.logits, PARTS)?;
        measures.push(Measure {
            deviation: Some(deviation),
            ..Measure::new("inception_score", "Inception score", mean)
        });
    }
    Ok(measures)
}

/// What is known of the real images.
pub enum RealFeatures {
    Features(Features),
    Statistics(Statistics),
}

/// Pixel by pixel, without a network: none of these is an FID.
pub fn of_pixels(generated: &Features, real: &Features) -> Result<Vec<Measure>, EvalError> {
    let (ours, theirs) = (Statistics::of(generated)?, Statistics::of(real)?);
    let frechet = frechet_distance(&ours, &theirs)?;
    let (kernel, deviation) = kernel(generated, real)?;
    let near = precision_recall(generated, real, NEIGHBOURS)?;
    Ok(vec![
        Measure::new("pixel_frechet", "Frechet distance of pixels", frechet),
        Measure {
            deviation: Some(deviation),
            ..Measure::new("pixel_kernel", "kernel distance of pixels", kernel)
        },
        Measure::new("pixel_precision", "precision by pixels", near.precision),
        Measure::new("pixel_recall", "recall by pixels", near.recall),
    ])
}

/// Subsets of 1000, or of all where there are fewer.
fn kernel(generated: &Features, real: &Features) -> Result<(f64, f64), EvalError> {
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
pub fn to_json(measures: &[Measure], generated: usize, real: Option<usize>) -> Value {
    let mut fields = Map::new();
    for measure in measures {
        fields.insert(measure.key.to_owned(), json!(measure.value));
        if let Some(deviation) = measure.deviation {
            fields.insert(format!("{}_deviation", measure.key), json!(deviation));
        }
    }
    fields.insert("generated_images".to_owned(), json!(generated));
    fields.insert("real_images".to_owned(), json!(real));
    Value::Object(fields)
}
