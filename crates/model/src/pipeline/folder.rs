//! The model folder: a diffusers pipeline folder plus one file of our own.

use std::path::Path;

use burn::tensor::Device;
use halfstep_core::{DiscreteSchedule, PredictionType, ScheduleConfig, TimePoint};
use halfstep_files::{has_checksums, verify_checksums, write_atomically, write_checksums};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::ModelError;
use crate::pipeline::json::{read_json, write_json};
use crate::pipeline::layout::WEIGHTS;
use crate::pipeline::outline::ModelOutline;
use crate::pipeline::scheduler::SchedulerConfig;
use crate::pipeline::weights::save_weights;
use crate::unet::UNet;
use crate::unet::UNetConfig;

pub(crate) const HALFSTEP: &str = "halfstep.json";

/// The grid a student was distilled for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distilled {
    /// Number of deterministic steps.
    pub num_steps: usize,
    /// The discrete times the network is called at, noisiest first. After the last one comes the
    /// clean image.
    pub timesteps: Vec<usize>,
}

/// Where a model comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// `teacher` or `student`.
    pub role: String,
    /// The dataset, for people.
    pub dataset: String,
    /// SHA-256 of the dataset's pixels and labels.
    pub dataset_sha256: String,
    /// The name of a model that was trained elsewhere, from which this one comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original: Option<String>,
    /// Seed of the run.
    pub seed: u64,
    /// Optimiser steps of this model (of its round, for a student).
    pub train_steps: u64,
    /// Seconds they took.
    pub train_seconds: f64,
    /// Program and version that wrote the folder.
    pub program: String,
}

/// `halfstep.json`: what diffusers has no place for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HalfstepFile {
    /// The schedule by name, exact where `trained_betas` are rounded.
    pub schedule: Option<ScheduleConfig>,
    /// Present in students.
    pub distilled: Option<Distilled>,
    /// Where the model comes from.
    pub provenance: Provenance,
    /// Names of the classes, if the model is class-conditional.
    pub class_names: Vec<String>,
}

impl HalfstepFile {
    /// Reads that of a model folder; `None` if there is none or it does not parse.
    pub fn read(dir: &Path) -> Option<Self> {
        read_json(&dir.join(HALFSTEP)).ok()
    }
}

/// A model in memory, with all that is needed to sample it.
#[derive(Clone, Debug)]
pub struct ModelFolder {
    /// The network.
    pub unet: UNet,
    /// Its noise schedule.
    pub schedule: DiscreteSchedule,
    /// diffusers' scheduler config.
    pub scheduler: SchedulerConfig,
    /// Our own additions.
    pub halfstep: HalfstepFile,
}

impl ModelFolder {
    /// Reads a diffusers folder that holds a `UNet2DModel` onto `device`: see [`ModelOutline::read`].
    ///
    /// # Errors
    /// [`ModelError`] naming the file or field that is missing, malformed or not supported.
    pub fn load(dir: &Path, device: &Device) -> Result<Self, ModelError> {
        ModelOutline::read(dir)?.load(device)
    }

    /// Writes the folder, all or nothing: into a sibling, then renamed over `dir`.
    ///
    /// # Errors
    /// [`ModelError`] naming the file that could not be written.
    pub fn save(&self, dir: &Path) -> Result<(), ModelError> {
        write_atomically(dir, |folder| {
            for sub in ["unet", "scheduler"] {
                let sub = folder.join(sub);
                std::fs::create_dir_all(&sub).map_err(ModelError::io(&sub))?;
            }
            let index = json!({
                "_class_name": "DDIMPipeline",
                "_diffusers_version": self.scheduler.diffusers_version,
                "scheduler": ["diffusers", self.scheduler.class_name],
                "unet": ["diffusers", "UNet2DModel"],
            });
            write_json(&folder.join("model_index.json"), &index)?;
            write_json(&folder.join("unet/config.json"), &unet_config_json(self.unet.config()))?;
            write_json(&folder.join("scheduler/scheduler_config.json"), &self.scheduler)?;
            write_json(&folder.join(HALFSTEP), &self.halfstep)?;
            save_weights(&self.unet, &folder.join("unet").join(WEIGHTS))?;
            Ok(write_checksums(&folder.join("unet"))?)
        })
    }

    /// Checks the network's files against the checksums that [`save`](Self::save) left; a folder of
    /// another program has none, and passes.
    ///
    /// # Errors
    /// [`ModelError::Files`] naming the file that is not what was written.
    pub fn verify(dir: &Path) -> Result<(), ModelError> {
        let unet = dir.join("unet");
        if has_checksums(&unet) { Ok(verify_checksums(&unet)?) } else { Ok(()) }
    }

    /// What the network predicts.
    pub fn prediction_type(&self) -> PredictionType {
        self.scheduler.prediction_type
    }

    /// The student's own grid, ending at the clean image; `None` for a teacher.
    pub fn distilled_grid(&self) -> Option<Vec<TimePoint>> {
        let distilled = self.halfstep.distilled.as_ref()?;
        let mut grid = self.schedule.points(&distilled.timesteps);
        grid.push(TimePoint::CLEAN);
        Some(grid)
    }
}

/// diffusers wants its class name first.
fn unet_config_json(config: &UNetConfig) -> serde_json::Value {
    let mut fields = serde_json::Map::new();
    fields.insert("_class_name".to_owned(), "UNet2DModel".into());
    fields.insert(
        "_diffusers_version".to_owned(),
        SchedulerConfig::default().diffusers_version.into(),
    );
    if let Ok(serde_json::Value::Object(rest)) = serde_json::to_value(config) {
        for (field, value) in rest {
            fields.entry(field).or_insert(value);
        }
    }
    serde_json::Value::Object(fields)
}
