//! `metrics.jsonl`: one JSON object per line, every few steps.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use halfstep_files::write_file;
use serde::{Deserialize, Serialize};

use crate::error::RunError;

/// The number of equal parts of `u = (t + 1)/T` that errors are split into; the first part is nearly clean, the
/// last nearly pure noise.
pub const LEVELS: usize = 8;

/// One line of `metrics.jsonl`: averages over the steps since the previous line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// The stage's number: 0 for the teacher, then the rounds.
    pub stage: usize,
    /// Sampling steps of the round's student; 0 for the teacher.
    pub num_steps: usize,
    /// Optimiser steps taken in the stage.
    pub step: u64,
    /// Mean weighted loss.
    pub loss: f64,
    /// Mean squared error of the network's own output, unweighted.
    pub mse: f64,
    /// Mean gradient norm, before clipping.
    pub grad_norm: f64,
    /// Learning rate of the last step.
    pub lr: f64,
    /// Steps whose update was skipped because it was not finite.
    pub skipped: u64,
    /// `|ema - w| / |w|` after the last step; `None` in a round without a moving average.
    pub ema_distance: Option<f64>,
    /// Mean of `mse` in each of [`LEVELS`] parts of the noise levels, clean to noise; `None` where no image fell.
    pub levels: Vec<Option<f64>>,
    /// Training speed.
    pub images_per_second: f64,
    /// Seconds since 1970, when the line was written.
    pub time: f64,
}

/// Reads the lines of a file; there are none if it does not exist. Lines that do not parse are skipped: a run
/// that is under way or was killed may have written half of the last one.
///
/// # Errors
/// [`RunError::Read`].
pub fn read_metrics(path: &Path) -> Result<Vec<Metrics>, RunError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let bytes = std::fs::read(path).map_err(RunError::read(path))?;
    let lines = bytes.split(|&byte| byte == b'\n');
    Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

/// Appends lines to `metrics.jsonl`.
#[derive(Debug)]
pub struct MetricsFile {
    path: PathBuf,
    file: File,
}

impl MetricsFile {
    /// Opens or creates the file and drops the lines of `stage` after `step`: a resumed run writes them again.
    ///
    /// # Errors
    /// [`RunError::Read`], [`RunError::Write`] or [`RunError::File`].
    pub fn resume(path: &Path, stage: usize, step: u64) -> Result<Self, RunError> {
        if path.exists() {
            let kept = read_metrics(path)?;
            let kept = kept.iter().filter(|line| line.stage != stage || line.step <= step);
            let text = kept.map(json_line).collect::<Result<String, _>>();
            write_file(path, text.map_err(RunError::write(path))?.as_bytes())?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path);
        Ok(Self { path: path.to_path_buf(), file: file.map_err(RunError::write(path))? })
    }

    /// Appends a line.
    ///
    /// # Errors
    /// [`RunError::Write`].
    pub fn write(&mut self, line: &Metrics) -> Result<(), RunError> {
        let text = json_line(line);
        text.and_then(|text| self.file.write_all(text.as_bytes()))
            .map_err(RunError::write(&self.path))
    }
}

fn json_line(metrics: &Metrics) -> std::io::Result<String> {
    Ok(serde_json::to_string(metrics)? + "\n")
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
