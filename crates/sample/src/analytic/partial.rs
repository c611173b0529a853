//! `gamma.partial.json`: an estimate that is not finished.

use std::path::{Path, PathBuf};

use halfstep_files::read_text;
use serde::{Deserialize, Serialize};

use super::control::controlled_mean;
use super::error::GammaError;
use super::source::GammaSource;
use crate::error::SampleError;
use halfstep_files::write_file;

/// The measurements so far. Rereading them loses nothing: serde_json writes every bit of an f64.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartialEstimate {
    source: GammaSource,
    /// Times of the schedule, T.
    times: usize,
    /// Mean and standard error of every finished time, from T - 1 down.
    finished: Vec<[f64; 2]>,
    /// The quantity and its control for every image so far at the time that comes next.
    draws: Vec<[f64; 2]>,
}

impl PartialEstimate {
    /// Its path in a model folder.
    pub fn path(model_dir: &Path) -> PathBuf {
        model_dir.join("gamma.partial.json")
    }

    /// Continues the estimate that was saved, or begins.
    ///
    /// # Errors
    /// [`GammaError::Partial`] if the saved one is of something else: hours may be in it.
    pub fn open(model_dir: &Path, source: &GammaSource, times: usize) -> Result<Self, GammaError> {
        let path = Self::path(model_dir);
        let refuse = |problem: String| GammaError::Partial { path: path.clone(), problem };
        if !path.exists() {
            let (source, finished, draws) = (source.clone(), Vec::new(), Vec::new());
            return Ok(Self { source, times, finished, draws });
        }
        let text = read_text(&path).map_err(|error| SampleError::file(&path, error))?;
        let saved: Self = serde_json::from_str(&text)
            .map_err(|error| refuse(format!("it is damaged ({error})")))?;
        if let Some(difference) = source.difference(&saved.source) {
            return Err(refuse(difference));
        }
        if saved.times != times {
            return Err(refuse(format!("it covers {} times, not {times}", saved.times)));
        }
        let whole = saved.finished.len() <= times && saved.draws.len() < saved.source.samples;
        if whole { Ok(saved) } else { Err(refuse("it is damaged (too many numbers)".to_owned())) }
    }

    /// Writes it, whole or not at all.
    pub fn save(&self, model_dir: &Path) -> Result<(), GammaError> {
        let path = Self::path(model_dir);
        let text = serde_json::to_string(self).map_err(|error| SampleError::file(&path, error))?;
        Ok(write_file(&path, text.as_bytes())?)
    }

    /// The time to measure next, noisiest first, and the first image that it lacks; `None` at the
    /// end.
    pub fn next(&self) -> Option<(usize, usize)> {
        Some((self.times.checked_sub(self.finished.len() + 1)?, self.draws.len()))
    }

    /// Takes more images of the time that comes next.
    pub fn add(&mut self, draws: impl IntoIterator<Item = [f64; 2]>) {
        self.draws.extend(draws);
        if self.draws.len() >= self.source.samples {
            let (mean, error) = controlled_mean(&self.draws);
            self.finished.push([mean.max(0.0), error]);
            self.draws.clear();
        }
    }

    /// Images measured so far, over all times.
    pub fn done(&self) -> u64 {
        self.finished.len() as u64 * self.source.samples as u64 + self.draws.len() as u64
    }

    /// Means and standard errors in the order of the times, 0 first.
    pub fn columns(&self) -> (Vec<f64>, Vec<f64>) {
        self.finished.iter().rev().map(|&[mean, error]| (mean, error)).unzip()
    }
}
