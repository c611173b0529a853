//! A teacher that was trained elsewhere: what it is, and what has to be done to distil it.

use std::path::PathBuf;

use halfstep_core::{DiscreteSchedule, PredictionType};
use halfstep_model::{ClassInput, ModelOutline, TimeEmbeddingType, UNetConfig};

use crate::error::TrainError;

/// The folder of `teacher.from`; its weights are not read yet.
#[derive(Clone, Debug)]
pub(crate) struct Pretrained {
    pub path: PathBuf,
    pub outline: ModelOutline,
}

impl Pretrained {
    /// Reads everything but the weights.
    ///
    /// # Errors
    /// [`TrainError::Pretrained`] naming the file or field that is missing or not supported.
    pub fn read(path: PathBuf) -> Result<Self, TrainError> {
        match ModelOutline::read(&path) {
            Ok(outline) => Ok(Self { path, outline }),
            Err(source) => Err(TrainError::Pretrained { path, source }),
        }
    }

    /// Whether it needs no adaptation: it predicts `prediction_type`, at the noise levels of `schedule`
    /// under the same times.
    pub fn fits(&self, schedule: &DiscreteSchedule, prediction_type: PredictionType) -> bool {
        let theirs = &self.outline.schedule;
        // Betas written as f32 or f64 give the same levels to six digits at least.
        let close = |t: usize| (theirs.at(t).alpha() - schedule.at(t).alpha()).abs() < 1e-6;
        let same_levels = theirs.len() == schedule.len() && (0..schedule.len()).all(close);
        same_levels && self.outline.scheduler.prediction_type == prediction_type
    }

    /// Its network, if it fits images of `shape` (C, H, W) and their classes.
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
                "which takes {inputs} channels and gives {outputs}, and the data has {channels}"
            ));
        }
        let sides = config.sample_size.map(|size| size.sides());
        if let Some([of_height, of_width]) = sides.filter(|sides| *sides != [height, width]) {
            return refused(format!(
                "which draws {of_height}x{of_width}, and the data is {height}x{width}"
            ));
        }
        match (config.class_input(), num_classes) {
            (ClassInput::None, _) => {}
            (_, None) => return refused("which wants classes, and the data has none".to_owned()),
            (ClassInput::Table(known), Some(classes)) if known < classes => {
                return refused(format!("which knows {known} classes, and the data has {classes}"));
            }
            _ => {}
        }
        let sample_size = Some([height, width].into());
        let unet = UNetConfig { sample_size, dropout: 0.0, ..config.clone() };
        unet.validate()?;
        Ok(unet)
    }

    /// Its name, for people: where it lies on this machine is nobody else's business. That of a network
    /// within a pipeline or checkpoint says whose it is.
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy();
        let around = self.path.parent().and_then(|around| around.file_name());
        match (&*name, around) {
            ("unet" | "unet_ema", Some(around)) => format!("{}/{name}", around.to_string_lossy()),
            _ => name.into_owned(),
        }
    }

    /// What it is, in a few words: `epsilon at 1000 times`.
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

    /// A configuration is checked and a run opened with what was read once: the folder may go.
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
