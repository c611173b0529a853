//! `metrics.jsonl`: one line of JSON every few steps.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use halfstep_sample::output::write_file;
use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// A line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Metrics {
    /// 0 for the teacher, then the rounds.
    pub stage: usize,
    /// Student steps of a round; 0 for the teacher.
    pub num_steps: usize,
    /// Optimiser steps taken in the stage.
    pub step: u64,
    /// Weighted loss, mean since the line before.
    pub loss: f64,
    /// Error in the network's own output, mean since the line before.
    pub mse: f64,
    /// Gradient norm before clipping, mean since the line before.
    pub grad_norm: f64,
    /// Learning rate of the last step.
    pub lr: f64,
    /// Steps since the line before whose update was left out, because it was not finite.
    pub skipped: u64,
    /// `|ema - w| / |w|` after the step; none in a round without a moving average.
    pub ema_distance: Option<f64>,
    /// Error in the network's own output by noise level, mean since the line before: eight equal parts
    /// of `u = (t + 1)/T`, clean to noise; none where no image fell.
    pub levels: Vec<Option<f64>>,
    /// Over the steps since the line before.
    pub images_per_second: f64,
    /// Seconds since 1970.
    pub time: f64,
}

/// The lines of a file, which need not exist. What is no line is left out: the last one may be half
/// written, by a run that is going on or one that was killed.
pub(crate) fn read_metrics(path: &Path) -> Result<Vec<Metrics>, TrainError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let bytes = std::fs::read(path).map_err(|error| TrainError::file(path, error))?;
    let lines = bytes.split(|&byte| byte == b'\n');
    Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

fn line_of(metrics: &Metrics) -> serde_json::Result<String> {
    Ok(serde_json::to_string(metrics)? + "\n")
}

/// Appends lines.
pub(crate) struct MetricsFile {
    path: PathBuf,
    file: File,
}

impl MetricsFile {
    /// Opens the file and drops the stage's lines after `step`: a resumed run writes them again.
    pub fn resume(path: &Path, stage: usize, step: u64) -> Result<Self, TrainError> {
        if path.exists() {
            let kept = read_metrics(path)?;
            let kept = kept.iter().filter(|line| line.stage != stage || line.step <= step);
            let text = kept.map(line_of).collect::<Result<String, _>>();
            write_file(path, text.map_err(|error| TrainError::file(path, error))?.as_bytes())?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path);
        Ok(Self {
            path: path.to_path_buf(),
            file: file.map_err(|error| TrainError::file(path, error))?,
        })
    }

    pub fn write(&mut self, line: &Metrics) -> Result<(), TrainError> {
        let text = line_of(line).map_err(|error| TrainError::file(&self.path, error))?;
        self.file.write_all(text.as_bytes()).map_err(|error| TrainError::file(&self.path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(stage: usize, step: u64) -> Metrics {
        Metrics {
            stage,
            num_steps: 0,
            step,
            loss: 0.5,
            mse: 0.5,
            grad_norm: 1.0,
            lr: 1e-3,
            skipped: 0,
            ema_distance: None,
            levels: vec![Some(0.25), None],
            images_per_second: 9.0,
            time: 1e9,
        }
    }

    #[test]
    fn resuming_drops_what_will_be_written_again_and_half_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        let mut file = MetricsFile::resume(&path, 0, 0).unwrap();
        for (stage, step) in [(0, 10), (0, 20), (1, 10)] {
            file.write(&line(stage, step)).unwrap();
        }
        file.file.write_all(b"\xff not text\n").unwrap();
        file.write(&line(1, 20)).unwrap();
        file.file.write_all(b"{\"stage\": 1, \"st").unwrap();
        drop(MetricsFile::resume(&path, 0, 10).unwrap());
        // Another stage's lines stay: its model may be there already.
        assert_eq!(read_metrics(&path).unwrap(), [line(0, 10), line(1, 10), line(1, 20)]);
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 3);
    }
}
