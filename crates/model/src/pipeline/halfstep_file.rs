//! `halfstep.json`: what diffusers has no place for.

use std::path::Path;

use halfstep_core::ScheduleConfig;
use serde::{Deserialize, Serialize};

use crate::pipeline::json::read_json;

/// The file's name, in the model folder.
pub(crate) const HALFSTEP: &str = "halfstep.json";

/// The grid that a student was distilled for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distilled {
    /// Number of deterministic steps.
    pub num_steps: usize,
    /// The discrete times at which the network is called, noisiest first. The clean image follows the last
    /// one.
    pub timesteps: Vec<usize>,
}

/// The origin of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// `teacher` or `student`.
    pub role: String,
    /// The dataset's name, for people.
    pub dataset: String,
    /// SHA-256 of the dataset's pixels and labels.
    pub dataset_sha256: String,
    /// The name of a model trained elsewhere that this model started from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original: Option<String>,
    /// The seed of the run.
    pub seed: u64,
    /// Optimiser steps of this model; for a student, of its round.
    pub train_steps: u64,
    /// Seconds that these steps took.
    pub train_seconds: f64,
    /// The program and version that wrote the folder.
    pub program: String,
}

/// `halfstep.json`: what diffusers has no place for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HalfstepFile {
    /// The noise schedule by name; exact, where `trained_betas` are rounded.
    pub schedule: Option<ScheduleConfig>,
    /// Present in students.
    pub distilled: Option<Distilled>,
    /// The origin of the model.
    pub provenance: Provenance,
    /// Names of the classes, if the model is class-conditional.
    pub class_names: Vec<String>,
}

impl HalfstepFile {
    /// Reads the file of a model folder; `None` if there is none or it does not parse.
    pub fn read(dir: &Path) -> Option<Self> {
        read_json(&dir.join(HALFSTEP)).ok()
    }
}
