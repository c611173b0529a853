//! A number with its name, and what the metrics are called.

use serde_json::{Map, Value, json};

use crate::features::FeatureKind;

/// What a metric is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricName {
    /// In JSON: `fid`, `pixel_kernel`.
    pub key: &'static str,
    /// In tables: `FID`, `kernel distance of pixels`.
    pub title: &'static str,
}

impl MetricName {
    pub(crate) const fn new(key: &'static str, title: &'static str) -> Self {
        Self { key, title }
    }
}

/// What the four metrics that compare two sides are called for one kind of features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricNames {
    /// The Frechet distance.
    pub frechet: MetricName,
    /// The kernel distance.
    pub kernel: MetricName,
    /// Precision.
    pub precision: MetricName,
    /// Recall.
    pub recall: MetricName,
}

impl MetricNames {
    /// The names for features of this kind. Only Inception's distances are called FID and KID.
    pub const fn new(kind: FeatureKind) -> Self {
        match kind {
            FeatureKind::Inception => Self {
                frechet: MetricName::new("fid", "FID"),
                kernel: MetricName::new("kid", "KID"),
                precision: MetricName::new("precision", "precision"),
                recall: MetricName::new("recall", "recall"),
            },
            FeatureKind::UserNetwork => Self {
                frechet: MetricName::new("feature_frechet", "Frechet distance of features"),
                kernel: MetricName::new("feature_kernel", "kernel distance of features"),
                precision: MetricName::new("feature_precision", "precision by features"),
                recall: MetricName::new("feature_recall", "recall by features"),
            },
            FeatureKind::Pixels => Self {
                frechet: MetricName::new("pixel_frechet", "Frechet distance of pixels"),
                kernel: MetricName::new("pixel_kernel", "kernel distance of pixels"),
                precision: MetricName::new("pixel_precision", "precision by pixels"),
                recall: MetricName::new("pixel_recall", "recall by pixels"),
            },
        }
    }
}

/// The value of one metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// The metric.
    pub metric: MetricName,
    /// Its value.
    pub value: f64,
    /// Standard deviation over subsets or parts, for metrics that have them.
    pub deviation: Option<f64>,
}

impl Score {
    pub(crate) fn new(metric: MetricName, value: f64) -> Self {
        Self { metric, value, deviation: None }
    }
}

/// Scores as a JSON object: each metric's key with its value, and `KEY_deviation` where there is one.
pub fn scores_to_json(scores: &[Score]) -> Map<String, Value> {
    let mut fields = Map::new();
    for score in scores {
        fields.insert(score.metric.key.to_owned(), json!(score.value));
        if let Some(deviation) = score.deviation {
            fields.insert(format!("{}_deviation", score.metric.key), json!(deviation));
        }
    }
    fields
}
