//! A teacher that was trained elsewhere: what it is, and what has to be done to distil it.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use halfstep_core::{DiscreteSchedule, NoiseLevel, PredictionType, ScheduleConfig, ScheduleName};
use halfstep_model::{ClassInput, ModelOutline, TimeEmbeddingType, UNetConfig};

use crate::config::Config;
use crate::error::TrainError;

/// The original is asked where saying its answer as the run's networks answer makes its error at most
/// this many times as large.
const LARGEST_GAIN: f64 = 10.0;

/// The folder of `teacher.from`.
#[derive(Clone, Debug)]
pub(crate) struct Original {
    pub path: PathBuf,
    pub outline: ModelOutline,
}

/// The folder of `teacher.from` once it was read, for all that ask. It is no setting: it is not written, and
/// configurations are equal without it.
#[derive(Clone, Debug, Default)]
pub(crate) struct OriginalRead(OnceLock<Arc<Original>>);

impl PartialEq for OriginalRead {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Config {
    /// The teacher's folder, if it was trained elsewhere; its weights are not read. The folder is read when
    /// this is first asked.
    ///
    /// # Errors
    /// [`TrainError`] naming the file or field in it that is missing or not supported.
    pub(crate) fn original(&self) -> Result<Option<Arc<Original>>, TrainError> {
        let Some(path) = self.teacher.from.clone() else { return Ok(None) };
        let OriginalRead(read) = &self.original_read;
        if let Some(original) = read.get().filter(|original| original.path == path) {
            return Ok(Some(original.clone()));
        }
        let outline = ModelOutline::read(&path)
            .map_err(|source| TrainError::Original { path: path.clone(), source })?;
        let original = Arc::new(Original { path, outline });
        // Another path was read before if this fails: then nothing is kept of this one.
        let _ = read.set(original.clone());
        Ok(Some(original))
    }

    /// What a user should know of the teacher's folder, a line for each; nothing if there is none.
    ///
    /// # Errors
    /// [`TrainError`] naming what is wrong in the folder.
    pub fn original_notes(&self) -> Result<Vec<String>, TrainError> {
        let Some(original) = self.original()? else { return Ok(Vec::new()) };
        let name = original.path.display();
        Ok(original.outline.notes.iter().map(|note| format!("{name} {note}")).collect())
    }

    /// The noise schedule of the run: that of `[schedule]`, the cosine schedule without it, and for a
    /// teacher from a folder its own. That one is spread over more times where the teacher's number of
    /// sampling steps does not divide T (every halving is to be exact), and then, or where the network
    /// has to learn to say v in any case, it is rescaled to end in pure noise.
    ///
    /// # Errors
    /// [`TrainError`] naming the field, or what is wrong in the teacher's folder.
    pub fn noise_schedule(&self) -> Result<DiscreteSchedule, TrainError> {
        let wrong =
            |error: halfstep_core::ScheduleError| TrainError::config("schedule", error.to_string());
        let original = match (&self.schedule, self.original()?) {
            (Some(named), _) => return named.build().map_err(wrong),
            (None, None) => return cosine().build().map_err(wrong),
            (None, Some(original)) => original,
        };
        let ModelOutline { schedule, scheduler, .. } = &original.outline;
        let (times, steps) = (schedule.len(), self.distill.teacher_steps.max(1));
        let divided = times.is_multiple_of(steps);
        if divided && scheduler.prediction_type == self.teacher.prediction_type {
            return Ok(schedule.clone());
        }
        let spread = match divided {
            true => Ok(schedule.clone()),
            false => {
                let more = times.div_ceil(steps) * steps;
                DiscreteSchedule::from_continuous(schedule, more)
            }
        };
        spread
            .and_then(|schedule| match schedule.has_zero_terminal_snr() {
                true => Ok(schedule),
                false => schedule.rescale_zero_terminal_snr(),
            })
            .map_err(wrong)
    }

    /// Whether the original needs no adaptation: it answers what the run's networks are to answer, at
    /// the same noise levels under the same times.
    pub(crate) fn takes_over(&self) -> Result<bool, TrainError> {
        let Some(original) = self.original()? else { return Ok(false) };
        let (theirs, ours) = (&original.outline.schedule, self.noise_schedule()?);
        // Betas written as f32 or f64 say the same levels to six digits at least.
        let close = |t: usize| (theirs.at(t).alpha() - ours.at(t).alpha()).abs() < 1e-6;
        let same_levels = theirs.len() == ours.len() && (0..ours.len()).all(close);
        let same_answer =
            original.outline.scheduler.prediction_type == self.teacher.prediction_type;
        Ok(same_levels && same_answer)
    }
}

impl Original {
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

    /// Whether its answer, said as `kind`, is to be trusted at a noise level: elsewhere the images
    /// themselves teach.
    pub fn knows(&self, kind: PredictionType, level: NoiseLevel) -> bool {
        let schedule = &self.outline.schedule;
        let noisiest = schedule.at(schedule.len() - 1);
        let gain = gain(self.outline.scheduler.prediction_type, kind, level);
        gain <= LARGEST_GAIN && level.log_snr() >= noisiest.log_snr()
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

/// How many times an error in one kind of answer is as large in another, at the same z:
/// v = (eps - sigma z)/alpha = (alpha z - x0)/sigma, x0 = (z - sigma eps)/alpha = alpha z - sigma v,
/// eps = (z - alpha x0)/sigma = sigma z + alpha v.
fn gain(from: PredictionType, to: PredictionType, level: NoiseLevel) -> f64 {
    use PredictionType::{Epsilon, Sample, VPrediction};
    let (alpha, sigma) = (level.alpha(), level.sigma());
    match (from, to) {
        (Epsilon, Epsilon) | (Sample, Sample) | (VPrediction, VPrediction) => 1.0,
        (Epsilon, VPrediction) => 1.0 / alpha,
        (Sample, VPrediction) => 1.0 / sigma,
        (Epsilon, Sample) => sigma / alpha,
        (VPrediction, Sample) => sigma,
        (Sample, Epsilon) => alpha / sigma,
        (VPrediction, Epsilon) => alpha,
    }
}

/// What a run without `[schedule]` has.
pub(crate) fn cosine() -> ScheduleConfig {
    ScheduleConfig { zero_terminal_snr: true, ..ScheduleConfig::new(ScheduleName::Cosine) }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};
    use halfstep_core::Prediction;

    use super::*;
    use crate::config::file::parse_config;

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
        let config = parse_config("test", CONFIG, &[from]).unwrap();
        std::fs::remove_dir_all(dir.path()).unwrap();
        config.validate().unwrap();
        config.unet([1, 8, 8], Some(10)).unwrap();
        assert_eq!(config.noise_schedule().unwrap().len(), 1024);
        assert!(!config.takes_over().unwrap());
        let notes = config.original_notes().unwrap().concat();
        assert!(notes.contains("no scheduler_config.json"), "{notes}");

        // Another folder is another reading.
        let mut other = config.clone();
        assert_eq!(other, config);
        other.teacher.from = Some(dir.path().join("elsewhere"));
        let error = other.noise_schedule().unwrap_err().to_string();
        assert!(error.contains("elsewhere"), "{error}");
    }

    /// By nudging the answer and saying it in the other kind.
    #[test]
    fn an_error_grows_by_the_gain() {
        let kinds = [PredictionType::Epsilon, PredictionType::Sample, PredictionType::VPrediction];
        let level = NoiseLevel::from_phi(0.9);
        let z = Tensor::<4>::full([1, 1, 1, 1], 0.3, &Device::flex());
        let said = |from: PredictionType, to: PredictionType, answer: f64| {
            let answer = Tensor::full([1, 1, 1, 1], answer, &Device::flex());
            let prediction = Prediction::new(from, answer, z.clone(), &[level]);
            f64::from(prediction.output_as(to).into_scalar::<f32>())
        };
        for from in kinds {
            for to in kinds {
                let found = (said(from, to, 1.0) - said(from, to, 0.0)).abs();
                let expected = gain(from, to, level);
                // Rounding of f32.
                assert!((found - expected).abs() < 1e-6, "{from} {to}: {found} {expected}");
            }
        }
    }
}
