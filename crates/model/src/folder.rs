//! The model folder: a diffusers pipeline folder plus one file of our own.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use halfstep_core::{DiscreteSchedule, PredictionType, ScheduleConfig, TimePoint};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::checksums::{has_checksums, verify_checksums, write_checksums};
use crate::config::UNetConfig;
use crate::error::ModelError;
use crate::scheduler::SchedulerConfig;
use crate::unet::UNet;
use crate::weights::{load_weights, save_weights};

const WEIGHTS: &str = "diffusion_pytorch_model.safetensors";
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
    /// Reads a pipeline folder onto `device`.
    ///
    /// # Errors
    /// [`ModelError`] naming the file or field that is missing, malformed or not supported.
    pub fn load(dir: &Path, device: &Device) -> Result<Self, ModelError> {
        if !dir.join("unet/config.json").is_file() {
            return Err(not_a_model(dir));
        }
        let config = read_unet_config(&dir.join("unet/config.json"))?;
        let scheduler_path = dir.join("scheduler/scheduler_config.json");
        let scheduler: SchedulerConfig = read_json(&scheduler_path)?;
        scheduler.validate(&scheduler_path)?;
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
        let unet = load_weights(UNet::zeroed(&config, device)?, &dir.join("unet").join(WEIGHTS))?;
        Ok(Self { unet, schedule, scheduler, halfstep })
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

/// Writes a folder through `fill` into a sibling and renames it over `dir`, so that `dir` is at
/// every moment the old folder, the new one, or (for the instant between two renames) absent with
/// the old one beside it as `.NAME.old`, from which [`recover_folder`] brings it
/// back.
///
/// # Errors
/// What `fill` returns, or [`ModelError::Io`]. The old folder is untouched then.
pub fn write_atomically(
    dir: &Path,
    fill: impl FnOnce(&Path) -> Result<(), ModelError>,
) -> Result<(), ModelError> {
    let (fresh, old) = (sibling(dir, "new"), sibling(dir, "old"));
    if let Some(parent) = dir.parent() {
        std::fs::create_dir_all(parent).map_err(ModelError::io(parent))?;
    }
    recover_folder(dir)?;
    for leftover in [&fresh, &old] {
        if leftover.exists() {
            std::fs::remove_dir_all(leftover).map_err(ModelError::io(leftover))?;
        }
    }
    std::fs::create_dir(&fresh).map_err(ModelError::io(&fresh))?;
    if let Err(error) = fill(&fresh).and_then(|()| sync_files(&fresh)) {
        let _ = std::fs::remove_dir_all(&fresh); // the first error is the one to report
        return Err(error);
    }
    if dir.exists() {
        std::fs::rename(dir, &old).map_err(ModelError::io(dir))?;
    }
    std::fs::rename(&fresh, dir).map_err(ModelError::io(dir))?;
    sync_parent(dir)?;
    if old.exists() {
        std::fs::remove_dir_all(&old).map_err(ModelError::io(&old))?;
    }
    Ok(())
}

/// Undoes a [`write_atomically`] that died between its two renames.
///
/// # Errors
/// [`ModelError::Io`].
pub fn recover_folder(dir: &Path) -> Result<(), ModelError> {
    let old = sibling(dir, "old");
    if old.is_dir() && !dir.exists() {
        std::fs::rename(&old, dir).map_err(ModelError::io(dir))?;
    }
    Ok(())
}

/// `runs/a/state` -> `runs/a/.state.new`
fn sibling(dir: &Path, suffix: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(dir.file_name().unwrap_or_default());
    name.push(".");
    name.push(suffix);
    dir.with_file_name(name)
}

/// Makes sure the bytes are on the disk before the rename that makes them visible.
fn sync_files(dir: &Path) -> Result<(), ModelError> {
    for entry in std::fs::read_dir(dir).map_err(ModelError::io(dir))? {
        let path = entry.map_err(ModelError::io(dir))?.path();
        if path.is_dir() {
            sync_files(&path)?;
        } else {
            sync(&path)?;
        }
    }
    // The names in it too; only Unix can sync a folder.
    if cfg!(unix) { sync(dir) } else { Ok(()) }
}

fn sync(path: &Path) -> Result<(), ModelError> {
    let file = std::fs::File::open(path).map_err(ModelError::io(path))?;
    file.sync_all().map_err(ModelError::io(path))
}

/// Makes sure the renames are on the disk before the old folder goes. Only Unix can sync a folder.
fn sync_parent(dir: &Path) -> Result<(), ModelError> {
    match dir.parent().filter(|parent| cfg!(unix) && !parent.as_os_str().is_empty()) {
        Some(parent) => sync(parent),
        None => Ok(()),
    }
}

fn not_a_model(dir: &Path) -> ModelError {
    let problem = if dir.exists() {
        "not a model folder: unet/config.json is missing (expected a diffusers pipeline folder, \
         such as runs/NAME/teacher or runs/NAME/students/0004)"
    } else {
        "no such folder"
    };
    ModelError::Folder { path: dir.to_path_buf(), problem: problem.to_owned() }
}

fn read_unet_config(path: &Path) -> Result<UNetConfig, ModelError> {
    let config: UNetConfig = read_json(path)?;
    match config.fixed.get("_class_name").and_then(|name| name.as_str()) {
        None | Some("UNet2DModel") => Ok(config),
        Some(other) => Err(ModelError::Folder {
            path: path.to_path_buf(),
            problem: format!("`_class_name` is \"{other}\"; only UNet2DModel is supported"),
        }),
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

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ModelError> {
    let text = std::fs::read_to_string(path).map_err(ModelError::io(path))?;
    serde_json::from_str(&text).map_err(ModelError::json(path))
}

fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), ModelError> {
    let mut text = serde_json::to_string_pretty(value).map_err(ModelError::json(path))?;
    text.push('\n');
    std::fs::write(path, text).map_err(ModelError::io(path))
}
