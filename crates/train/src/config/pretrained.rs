//! A pretrained teacher, and whether it must be adapted before it can be distilled.

use std::path::PathBuf;

use halfstep_core::{DiscreteSchedule, PredictionType};
use halfstep_model::{ClassInput, ModelOutline, TimeEmbeddingType, UNetConfig};

use crate::error::TrainError;

/// The contents of the folder `teacher.from`, without the weights.
#[derive(Clone, Debug)]
pub(crate) struct Pretrained {
    pub path: PathBuf,
    pub outline: ModelOutline,
}

impl Pretrained {
    /// Reads everything except the weights.
    ///
    /// # Errors
    /// [`TrainError::Pretrained`] naming the file or field that is missing or not supported.
    pub fn read(path: PathBuf) -> Result<Self, TrainError> {
        match ModelOutline::read(&path) {
            Ok(outline) => Ok(Self { path, outline }),
            Err(source) => Err(TrainError::Pretrained { path, source }),
        }
    }

    /// Whether the network needs no adaptation: it predicts `prediction_type`, and its times have the noise
    /// levels of `schedule`.
    pub fn fits(&self, schedule: &DiscreteSchedule, prediction_type: PredictionType) -> bool {
        let theirs = &self.outline.schedule;
        // Betas stored as f32 and as f64 give levels that agree to at least six digits.
        let close = |t: usize| (theirs.at(t).alpha() - schedule.at(t).alpha()).abs() < 1e-6;
        let same_levels = theirs.len() == schedule.len() && (0..schedule.len()).all(close);
        same_levels && self.outline.scheduler.prediction_type == prediction_type
    }

    /// The network's configuration, if it fits images of `shape` `[C, H, W]` and their classes.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the folder and what does not fit.
    pub fn network(
        &self,
        shape: [usize; 3],
        num_classes: Option<usize>,
    ) -> Result<UNetConfig, TrainError> {
        let config = &self.outline.config;
        let refused = |problem: String| {
            let problem = format!("is {}, {problem}", self.path.display());
            Err(TrainError::config("teacher.from", problem))
        };
        if self.outline.halfstep.distilled.is_some() {
            return refused("a student; distil its teacher instead".to_owned());
        }
        if config.time_embedding_type == TimeEmbeddingType::Fourier {
            let reason = "whose fourier time embedding is that of variance-exploding models; it can be sampled, not distilled";
            return refused(reason.to_owned());
        }
        let [channels, height, width] = shape;
        if config.in_channels != channels || config.out_channels != channels {
            let (inputs, outputs) = (config.in_channels, config.out_channels);
            return refused(format!(
                "with {inputs} input and {outputs} output channels, but the data has {channels}"
            ));
        }
        let sides = config.sample_size.map(|size| size.sides());
        if let Some([of_height, of_width]) = sides.filter(|sides| *sides != [height, width]) {
            return refused(format!(
                "which generates {of_height}x{of_width} images, but the data is {height}x{width}"
            ));
        }
        match (config.class_input(), num_classes) {
            (ClassInput::None, _) => {}
            (_, None) => {
                return refused(
                    "which is class-conditional, but the data has no classes".to_owned(),
                );
            }
            (ClassInput::Table(known), Some(classes)) if known < classes => {
                return refused(format!("with {known} classes, but the data has {classes}"));
            }
            _ => {}
        }
        let sample_size = Some([height, width].into());
        let unet = UNetConfig { sample_size, dropout: 0.0, ..config.clone() };
        unet.validate()?;
        Ok(unet)
    }

    /// A short name for model cards: the folder's name without its path. `unet` and `unet_ema` are preceded by
    /// the name of the pipeline or checkpoint.
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy();
        let around = self.path.parent().and_then(|around| around.file_name());
        match (&*name, around) {
            ("unet" | "unet_ema", Some(around)) => format!("{}/{name}", around.to_string_lossy()),
            _ => name.into_owned(),
        }
    }

    /// A short description, such as `epsilon at 1000 times`.
    pub fn describe(&self) -> String {
        let ModelOutline { schedule, scheduler, .. } = &self.outline;
        format!("{} at {} times", scheduler.prediction_type, schedule.len())
    }
}

#[cfg(test)]
mod tests {
    use crate::config::job::Job;

    const CONFIG: &str = include_str!("../../../../configs/from-diffusers.toml");
    const NETWORK: &str = r#"{
        "_class_name": "UNet2DModel", "sample_size": 8, "in_channels": 1, "out_channels": 1,
        "block_out_channels": [8], "down_block_types": ["DownBlock2D"],
        "up_block_types": ["UpBlock2D"], "norm_num_groups": 4}"#;

    /// After parsing, the folder may disappear: the network and the schedule are already known.
    #[test]
    fn the_folder_is_read_once() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.json"), NETWORK).unwrap();
        std::fs::write(dir.path().join("diffusion_pytorch_model.safetensors"), "").unwrap();
        let from = format!("teacher.from={}", dir.path().display());
        let config = Job::parse("test", CONFIG, &[from]).unwrap().config;
        std::fs::remove_dir_all(dir.path()).unwrap();
        config.network([1, 8, 8], Some(10)).unwrap();
        assert_eq!(config.schedule.len(), 1024);
        assert!(config.adapts());
        let notes = config.pretrained_notes().concat();
        assert!(notes.contains("no scheduler_config.json"), "{notes}");
    }
}
