//! `metrics.jsonl`.

pub(crate) use halfstep_run::{Metrics, MetricsFile, read_metrics};
