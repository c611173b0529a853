//! A model folder without its weights.

use std::path::{Path, PathBuf};

use halfstep_core::DiscreteSchedule;
use halfstep_files::files_sha256;
use serde_json::{Map, Value, json};

use crate::error::ModelError;
use crate::pipeline::ema_model::EmaModel;
use crate::pipeline::halfstep_file::{HALFSTEP, HalfstepFile};
use crate::pipeline::json::{parse_fields, read_json};
use crate::pipeline::layout::Layout;
use crate::pipeline::note::ModelNote;
use crate::pipeline::scheduler::SchedulerConfig;
use crate::pipeline::weights::wrapped_name;
use crate::unet::UNetConfig;

/// The files that a model folder was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFiles {
    /// The weights, in one file or several.
    pub weights: Vec<PathBuf>,
    /// The scheduler config; a bare network has none.
    pub scheduler: Option<PathBuf>,
}

impl ModelFiles {
    /// Finds the files of the model in `dir`.
    ///
    /// # Errors
    /// [`ModelError`] naming what is missing.
    pub fn read(dir: &Path) -> Result<Self, ModelError> {
        let layout = Layout::find(dir)?;
        Ok(Self { weights: layout.weights()?, scheduler: layout.scheduler })
    }
}

/// Everything in a model folder except the weights.
#[derive(Clone, Debug)]
pub struct ModelOutline {
    /// The network's configuration.
    pub config: UNetConfig,
    /// Its noise schedule.
    pub schedule: DiscreteSchedule,
    /// diffusers' scheduler config.
    pub scheduler: SchedulerConfig,
    /// The additions of halfstep.
    pub halfstep: HalfstepFile,
    /// The files of the model.
    pub files: ModelFiles,
    /// Remarks for the user of the model.
    pub notes: Vec<ModelNote>,
}

impl ModelOutline {
    /// Reads a diffusers folder with a `UNet2DModel`: a pipeline, an old pipeline without sub-folders, a
    /// checkpoint of the training scripts, or a bare network.
    ///
    /// A network without a scheduler config gets the defaults of `DDPMScheduler`, with which diffusers'
    /// training scripts train. Of a checkpoint with `unet` and `unet_ema` the moving average is read.
    /// [`notes`](Self::notes) lists every such choice.
    ///
    /// # Errors
    /// [`ModelError`] naming the file or field that is missing, malformed or not supported.
    pub fn read(dir: &Path) -> Result<Self, ModelError> {
        let layout = Layout::find(dir)?;
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

    /// SHA-256, in hexadecimal, of everything that the network's predictions depend on: its configuration, its
    /// weights, its prediction type and its noise levels. The preferred sampler is no part of it.
    ///
    /// # Errors
    /// [`ModelError::Files`] if the weights cannot be read.
    pub fn sha256(&self) -> Result<String, ModelError> {
        let config = UNetConfig { other: Map::new(), ..self.config.clone() };
        let kind = self.scheduler.prediction_type;
        let described =
            json!({ "config": config, "predicts": kind, "levels": self.schedule.alphas_cumprod() });
        Ok(files_sha256(described.to_string().as_bytes(), &self.files.weights)?)
    }
}

/// The network's configuration, and how its weights were averaged if the file records it.
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

/// The error of a field, with the file's name.
fn in_file(error: ModelError, path: &Path) -> ModelError {
    match error {
        ModelError::Config { field, problem } => {
            ModelError::Folder { path: path.to_path_buf(), problem: format!("`{field}` {problem}") }
        }
        error => error,
    }
}

/// Checks that the named schedule and the scheduler config describe the same noise levels.
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
