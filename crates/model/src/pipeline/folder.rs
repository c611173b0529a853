//! A model in memory, read from and written to a diffusers pipeline folder.

use std::path::Path;

use burn::tensor::Device;
use halfstep_core::{DiscreteSchedule, PredictionType, TimePoint};
use halfstep_files::{has_checksums, verify_checksums, write_atomically, write_checksums};
use serde_json::json;

use crate::error::ModelError;
use crate::pipeline::halfstep_file::{HALFSTEP, HalfstepFile};
use crate::pipeline::json::write_json;
use crate::pipeline::layout::WEIGHTS;
use crate::pipeline::outline::ModelOutline;
use crate::pipeline::scheduler::SchedulerConfig;
use crate::pipeline::weights::{load_weight_files, save_weights};
use crate::unet::{UNet, UNetConfig};

/// A model in memory, with everything needed to draw with it.
#[derive(Clone, Debug)]
pub struct ModelFolder {
    /// The network.
    pub unet: UNet,
    /// Its noise schedule.
    pub schedule: DiscreteSchedule,
    /// diffusers' scheduler config.
    pub scheduler: SchedulerConfig,
    /// The additions of halfstep: `halfstep.json`.
    pub halfstep: HalfstepFile,
}

impl ModelFolder {
    /// Reads a diffusers folder with a `UNet2DModel` onto `device`: see [`ModelOutline::read`] for the layouts
    /// that it may have.
    ///
    /// # Errors
    /// [`ModelError`] naming the file or field that is missing, malformed or not supported.
    pub fn load(dir: impl AsRef<Path>, device: &Device) -> Result<Self, ModelError> {
        ModelOutline::read(dir.as_ref())?.load(device)
    }

    /// Writes the folder whole or not at all: into a sibling that is then renamed over `dir`.
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

    /// Checks the network's files against the checksums that [`save`](Self::save) wrote. A folder without
    /// checksums, such as one of another program, passes.
    ///
    /// # Errors
    /// [`ModelError::Files`] naming the file that changed.
    pub fn verify(dir: &Path) -> Result<(), ModelError> {
        let unet = dir.join("unet");
        if has_checksums(&unet) { Ok(verify_checksums(&unet)?) } else { Ok(()) }
    }

    /// The prediction type: eps, x0 or v.
    pub fn prediction_type(&self) -> PredictionType {
        self.scheduler.prediction_type
    }

    /// The shape `[C, H, W]` of the images that the model draws.
    ///
    /// # Errors
    /// Those of [`UNetConfig::image_shape`].
    pub fn image_shape(&self) -> Result<[usize; 3], ModelError> {
        self.unet.config().image_shape()
    }

    /// The grid that a student was distilled for, ending at the clean image; `None` for a teacher.
    pub fn distilled_grid(&self) -> Option<Vec<TimePoint>> {
        let distilled = self.halfstep.distilled.as_ref()?;
        let mut grid = self.schedule.points(&distilled.timesteps);
        grid.push(TimePoint::CLEAN);
        Some(grid)
    }
}

impl ModelOutline {
    /// Reads the weights onto `device`, which completes the model.
    ///
    /// # Errors
    /// [`ModelError`] naming the file of weights and what is wrong with it.
    pub fn load(&self, device: &Device) -> Result<ModelFolder, ModelError> {
        let unet = UNet::zeroed(&self.config, device)?;
        Ok(ModelFolder {
            unet: load_weight_files(unet, &self.files.weights)?,
            schedule: self.schedule.clone(),
            scheduler: self.scheduler.clone(),
            halfstep: self.halfstep.clone(),
        })
    }
}

/// The network's `config.json`; diffusers expects the class name first.
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
