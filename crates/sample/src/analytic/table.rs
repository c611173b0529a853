//! `gamma.json`, the measured table.

use std::path::{Path, PathBuf};

use halfstep_core::{DiscreteSchedule, TimePoint};
use halfstep_files::read_text;
use serde::{Deserialize, Serialize};

use super::error::GammaError;
use super::source::{GammaSource, model_sha256};
use crate::error::SampleError;
use halfstep_files::write_file;

/// The measured `E|eps_hat|^2 / d` of a network at every discrete time.
///
/// It is a separate file in the model folder, `gamma.json`, because it is written after the model and must not
/// endanger the model's files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GammaTable {
    /// What it was measured from.
    pub source: GammaSource,
    /// Mean over pixels of the variance of the dataset, within each class if the network takes
    /// the class: the mean variance of x0 given nothing but noise.
    pub data_variance: f64,
    /// `E|eps_hat|^2 / d = sigma^2 Gamma` at t = 0, 1, ..., T - 1; d = C H W.
    pub eps_norm2: Vec<f64>,
    /// Standard error of each.
    pub standard_error: Vec<f64>,
    /// Program and version that wrote the file.
    pub program: String,
}

impl GammaTable {
    /// Images per time, unless another number is asked for.
    pub const DEFAULT_SAMPLES: usize = 256;

    /// The table's path in a model folder.
    pub fn path(model_dir: &Path) -> PathBuf {
        model_dir.join("gamma.json")
    }

    /// The table of a model folder, for its schedule and the weights that are there now.
    ///
    /// # Errors
    /// [`GammaError`] if there is none, if it is malformed, has not one entry for every time of
    /// `schedule`, or is of other weights.
    pub fn load(model_dir: &Path, schedule: &DiscreteSchedule) -> Result<Self, GammaError> {
        let table = Self::read(model_dir)?;
        if table.eps_norm2.len() != schedule.len() {
            let (found, times) = (table.eps_norm2.len(), schedule.len());
            let problem = format!("has {found} entries, the model's schedule has {times} times");
            return Err(table.wrong(model_dir, "eps_norm2", problem));
        }
        if table.source.model_sha256 != model_sha256(model_dir)? {
            let (path, samples) = (Self::path(model_dir), table.source.samples);
            return Err(GammaError::OtherWeights { path, samples });
        }
        Ok(table)
    }

    /// The table of a model folder, whatever network it is of.
    ///
    /// # Errors
    /// [`GammaError`] if there is none or it is malformed.
    pub fn read(model_dir: &Path) -> Result<Self, GammaError> {
        let path = Self::path(model_dir);
        if !path.exists() {
            return Err(GammaError::Missing { path });
        }
        let text = read_text(&path).map_err(|error| SampleError::file(&path, error))?;
        let table: Self =
            serde_json::from_str(&text).map_err(|source| GammaError::Malformed { path, source })?;
        table.check(model_dir)?;
        Ok(table)
    }

    /// Writes it into a model folder, whole or not at all.
    ///
    /// # Errors
    /// [`GammaError::File`].
    pub fn save(&self, model_dir: &Path) -> Result<(), GammaError> {
        let path = Self::path(model_dir);
        let mut text =
            serde_json::to_string_pretty(self).map_err(|error| SampleError::file(&path, error))?;
        text.push('\n');
        Ok(write_file(&path, text.as_bytes())?)
    }

    /// The paper's Gamma at discrete time `t`, `E|score|^2 / d`; a `t` past the end gives the last.
    pub fn gamma(&self, schedule: &DiscreteSchedule, t: usize) -> f64 {
        self.at(t as f64) / schedule.at(t).sigma().powi(2)
    }

    /// The mean variance of x0 given z, V, at any point of the schedule: `sigma^2 / alpha^2 (1 -
    /// eps_norm2)`, linear in `eps_norm2` between two times, and `data_variance` at alpha = 0.
    ///
    /// Kept between 0 and `data_variance`, as that of an exact network is: at small alpha this
    /// formula magnifies small errors.
    pub fn posterior_data_variance(&self, at: TimePoint) -> f64 {
        let measured = halfstep_core::posterior_data_variance(at.level, self.at(at.t));
        measured.unwrap_or(self.data_variance).min(self.data_variance).max(0.0)
    }

    /// How many times have `eps_norm2 > 1`, which no exact network has.
    pub fn divided(&self) -> usize {
        self.eps_norm2.iter().filter(|&&value| value > 1.0).count()
    }

    /// The largest standard error, relative to its value.
    pub fn largest_relative_error(&self) -> f64 {
        let errors = self.standard_error.iter().zip(&self.eps_norm2);
        errors.map(|(error, value)| error / value).fold(0.0, f64::max)
    }

    /// `eps_norm2` at a time between -1 (clean) and T - 1.
    fn at(&self, t: f64) -> f64 {
        let last = self.eps_norm2.len() - 1;
        let t = t.clamp(0.0, last as f64);
        let low = self.eps_norm2[t as usize];
        let high = self.eps_norm2[(t as usize + 1).min(last)];
        low + t.fract() * (high - low)
    }

    fn check(&self, model_dir: &Path) -> Result<(), GammaError> {
        let valid = |value: &f64| value.is_finite() && *value >= 0.0;
        if self.eps_norm2.is_empty() {
            return Err(self.wrong(model_dir, "eps_norm2", "is empty".to_owned()));
        }
        if self.standard_error.len() != self.eps_norm2.len() {
            let (found, times) = (self.standard_error.len(), self.eps_norm2.len());
            let problem = format!("has {found} entries, `eps_norm2` has {times}");
            return Err(self.wrong(model_dir, "standard_error", problem));
        }
        for (field, values) in [
            ("eps_norm2", self.eps_norm2.as_slice()),
            ("standard_error", &self.standard_error),
            ("data_variance", &[self.data_variance]),
        ] {
            if let Some(value) = values.iter().find(|value| !valid(value)) {
                let problem = format!("holds {value}: must be finite and not negative");
                return Err(self.wrong(model_dir, field, problem));
            }
        }
        Ok(())
    }

    fn wrong(&self, model_dir: &Path, field: &'static str, problem: String) -> GammaError {
        let (path, samples) = (Self::path(model_dir), self.source.samples);
        GammaError::Value { path, field, problem, samples }
    }
}
