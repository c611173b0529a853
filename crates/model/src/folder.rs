//! The model folder: a diffusers pipeline folder plus one file of our own.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use halfstep_core::{DiscreteSchedule, PredictionType, ScheduleConfig, TimePoint};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::atomic::write_atomically;
use crate::checksums::{has_checksums, sha256_of, verify_checksums, write_checksums};
use crate::config::UNetConfig;
use crate::ema_model::EmaModel;
use crate::error::ModelError;
use crate::json::{parse_fields, read_json, write_json};
use crate::layout::{Layout, WEIGHTS};
use crate::note::ModelNote;
use crate::scheduler::SchedulerConfig;
use crate::unet::UNet;
use crate::weights::{load_weight_files, save_weights, wrapped_name};

const HALFSTEP: &str = "halfstep.json";

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

/// The files that a model folder was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFiles {
    /// The weights, in one file or several.
    pub weights: Vec<PathBuf>,
    /// The scheduler config; a bare network has none.
    pub scheduler: Option<PathBuf>,
}

impl ModelFiles {
    /// Those of the model in `dir`.
    ///
    /// # Errors
    /// [`ModelError`] naming what is missing.
    pub fn of(dir: &Path) -> Result<Self, ModelError> {
        let layout = Layout::of(dir)?;
        Ok(Self { weights: layout.weights()?, scheduler: layout.scheduler })
    }
}

/// All that a model folder says, but for the weights.
#[derive(Clone, Debug)]
pub struct ModelOutline {
    /// The network's shape.
    pub config: UNetConfig,
    /// Its noise schedule.
    pub schedule: DiscreteSchedule,
    /// diffusers' scheduler config.
    pub scheduler: SchedulerConfig,
    /// Our own additions.
    pub halfstep: HalfstepFile,
    /// Where it was read from.
    pub files: ModelFiles,
    /// What its user should be told.
    pub notes: Vec<ModelNote>,
}

impl ModelOutline {
    /// Reads a diffusers folder that holds a `UNet2DModel`: a pipeline's, an old pipeline's without
    /// sub-folders, a checkpoint's of its training scripts, or the network's own. A network that comes
    /// without a scheduler config is taken for one of `DDPMScheduler`'s defaults, as diffusers' training
    /// scripts are. Of a checkpoint with `unet` and `unet_ema` the moving average is read. What is taken
    /// for what is in [`notes`](Self::notes).
    ///
    /// # Errors
    /// [`ModelError`] naming the file or field that is missing, malformed or not supported.
    pub fn read(dir: &Path) -> Result<Self, ModelError> {
        let layout = Layout::of(dir)?;
        let (config, average) = read_unet_config(&layout.unet.join("config.json"))?;
        config.validate().map_err(|error| in_file(error, &layout.unet.join("config.json")))?;
        let scheduler = match &layout.scheduler {
            Some(path) => SchedulerConfig::read(path)?,
            None => SchedulerConfig::ddpm(),
        };
        let scheduler_path = layout.scheduler.clone().unwrap_or_else(|| dir.to_path_buf());
        let halfstep_path = dir.join(HALFSTEP);
        let halfstep: HalfstepFile = if halfstep_path.is_file() {
            read_json(&halfstep_path)?
        } else {
            HalfstepFile::default()
        };
        let schedule = match &halfstep.schedule {
            Some(named) => {
                let schedule = named.build().map_err(|source| ModelError::Schedule {
                    path: halfstep_path.clone(),
                    source,
                })?;
                agree(&schedule, &scheduler, &scheduler_path, &halfstep_path)?;
                schedule
            }
            None => scheduler.schedule(&scheduler_path)?,
        };
        check_grid(&halfstep, &schedule, &halfstep_path)?;
        let weights = layout.weights()?;
        let notes = notes(&layout, average, &weights);
        let files = ModelFiles { weights, scheduler: layout.scheduler };
        Ok(Self { config, schedule, scheduler, halfstep, files, notes })
    }

    /// The whole model, with its weights on `device`.
    ///
    /// # Errors
    /// [`ModelError`] naming the file of weights and what is wrong in it.
    pub fn load(&self, device: &Device) -> Result<ModelFolder, ModelError> {
        let unet = UNet::zeroed(&self.config, device)?;
        Ok(ModelFolder {
            unet: load_weight_files(unet, &self.files.weights)?,
            schedule: self.schedule.clone(),
            scheduler: self.scheduler.clone(),
            halfstep: self.halfstep.clone(),
        })
    }

    /// SHA-256, in hexadecimal, of all that the network's answers depend on: its shape, its weights, what
    /// it predicts, at which noise levels. How it wants to be sampled is no part of it.
    ///
    /// # Errors
    /// [`ModelError::Io`] if the weights cannot be read.
    pub fn sha256(&self) -> Result<String, ModelError> {
        let config = UNetConfig { other: Map::new(), ..self.config.clone() };
        let kind = self.scheduler.prediction_type;
        let said =
            json!({ "config": config, "predicts": kind, "levels": self.schedule.alphas_cumprod() });
        sha256_of(said.to_string().as_bytes(), &self.files.weights)
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
            write_checksums(&folder.join("unet"))
        })
    }

    /// Checks the network's files against the checksums that [`save`](Self::save) left; a folder of
    /// another program has none, and passes.
    ///
    /// # Errors
    /// [`ModelError::Folder`] naming the file that is not what was written.
    pub fn verify(dir: &Path) -> Result<(), ModelError> {
        let unet = dir.join("unet");
        if has_checksums(&unet) { verify_checksums(&unet) } else { Ok(()) }
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

/// The network, and how its weights were averaged if the file says so.
fn read_unet_config(path: &Path) -> Result<(UNetConfig, Option<EmaModel>), ModelError> {
    let mut fields: Map<String, Value> = read_json(path)?;
    match fields.get("_class_name").and_then(Value::as_str) {
        None | Some("UNet2DModel") => {
            let average = EmaModel::take(&mut fields, path)?;
            Ok((parse_fields(fields, path)?, average))
        }
        Some(other) => Err(ModelError::Folder {
            path: path.to_path_buf(),
            problem: format!("`_class_name` is \"{other}\"; only UNet2DModel is supported"),
        }),
    }
}

fn notes(layout: &Layout, average: Option<EmaModel>, weights: &[PathBuf]) -> Vec<ModelNote> {
    let two = layout.passed_over.clone().map(|other| {
        let taken = layout.unet.clone();
        ModelNote::TwoNetworks { taken, other }
    });
    let scheduler = match &layout.scheduler {
        None => Some(ModelNote::NoScheduler),
        Some(path) => layout.of_pipeline_around.then(|| ModelNote::SchedulerOf(path.clone())),
    };
    let wrapped = wrapped_name(weights).map(|(name, plain)| ModelNote::Wrapped { name, plain });
    [two, average.map(ModelNote::Average), scheduler, wrapped].into_iter().flatten().collect()
}

/// A wrong field by the file that it is in.
fn in_file(error: ModelError, path: &Path) -> ModelError {
    match error {
        ModelError::Config { field, problem } => {
            ModelError::Folder { path: path.to_path_buf(), problem: format!("`{field}` {problem}") }
        }
        error => error,
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

/// The named schedule and the scheduler config must mean the same.
fn agree(
    schedule: &DiscreteSchedule,
    scheduler: &SchedulerConfig,
    scheduler_path: &Path,
    halfstep_path: &Path,
) -> Result<(), ModelError> {
    let other = scheduler.schedule(scheduler_path)?;
    // A product of T betas in f64 keeps twelve digits; alpha (not its square) tells a terminal SNR of
    // zero from one of 1e-9.
    let close = |t: usize| (schedule.at(t).alpha() - other.at(t).alpha()).abs() < 1e-6;
    let close = schedule.len() == other.len() && (0..schedule.len()).all(close);
    if close {
        return Ok(());
    }
    Err(ModelError::Folder {
        path: scheduler_path.to_path_buf(),
        problem: format!(
            "describes another noise schedule than {}; remove `schedule` there if this file is right",
            halfstep_path.display()
        ),
    })
}

fn check_grid(
    halfstep: &HalfstepFile,
    schedule: &DiscreteSchedule,
    path: &Path,
) -> Result<(), ModelError> {
    let Some(distilled) = &halfstep.distilled else { return Ok(()) };
    let times = &distilled.timesteps;
    let valid = times.len() == distilled.num_steps
        && !times.is_empty()
        && times.is_sorted_by(|a, b| a > b)
        && times.iter().all(|&t| t < schedule.len());
    if valid {
        return Ok(());
    }
    Err(ModelError::Folder {
        path: path.to_path_buf(),
        problem: format!(
            "`distilled.timesteps` must be {} descending times below {}",
            distilled.num_steps,
            schedule.len()
        ),
    })
}
