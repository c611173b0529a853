//! `scheduler/scheduler_config.json`: diffusers' name for schedule and sampler in one.

use std::path::Path;

use halfstep_core::{DiscreteSchedule, PredictionType, TimestepSpacing};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::ModelError;

/// The fields of diffusers' `DDIMScheduler` and `DDPMScheduler` that say what the model was
/// trained with, and how it wants to be sampled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SchedulerConfig {
    /// diffusers' class.
    #[serde(rename = "_class_name")]
    pub class_name: String,
    /// Version whose fields these are.
    #[serde(rename = "_diffusers_version")]
    pub diffusers_version: String,
    /// Number of discrete times T.
    pub num_train_timesteps: usize,
    /// First beta of a linear or scaled-linear schedule.
    pub beta_start: f64,
    /// Last beta of a linear or scaled-linear schedule.
    pub beta_end: f64,
    /// `linear`, `scaled_linear` or `squaredcos_cap_v2`; not used with `trained_betas`.
    pub beta_schedule: String,
    /// The betas themselves.
    pub trained_betas: Option<Vec<f64>>,
    /// Clip x0 to `clip_sample_range` in every sampling step.
    pub clip_sample: bool,
    /// Bound of that clipping.
    pub clip_sample_range: f64,
    /// What the network predicts.
    pub prediction_type: PredictionType,
    /// Shift the schedule to zero terminal SNR (Lin et al. 2023).
    pub rescale_betas_zero_snr: bool,
    /// The last step ends at the clean image, not at t = 0.
    pub set_alpha_to_one: bool,
    /// Added to `leading` time steps.
    pub steps_offset: usize,
    /// How sampling times are spread.
    pub timestep_spacing: TimestepSpacing,
    /// Everything else, kept as it is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Default for SchedulerConfig {
    fn default() -> Self {
        Self {
            class_name: "DDIMScheduler".to_owned(),
            diffusers_version: "0.42.1".to_owned(),
            num_train_timesteps: 1000,
            beta_start: 1e-4,
            beta_end: 0.02,
            beta_schedule: "linear".to_owned(),
            trained_betas: None,
            clip_sample: true,
            clip_sample_range: 1.0,
            prediction_type: PredictionType::Epsilon,
            rescale_betas_zero_snr: false,
            set_alpha_to_one: true,
            steps_offset: 0,
            timestep_spacing: TimestepSpacing::Leading,
            other: Map::new(),
        }
    }
}

impl SchedulerConfig {
    /// How a schedule of ours goes out: as `trained_betas`, trailing, without clipping.
    pub fn from_schedule(schedule: &DiscreteSchedule, prediction_type: PredictionType) -> Self {
        Self {
            num_train_timesteps: schedule.len(),
            trained_betas: Some(schedule.betas()),
            clip_sample: false,
            prediction_type,
            timestep_spacing: TimestepSpacing::Trailing,
            ..Self::default()
        }
    }

    /// The noise schedule that the file describes.
    ///
    /// # Errors
    /// [`ModelError`] naming `path` and the field that is not supported or out of range.
    pub fn schedule(&self, path: &Path) -> Result<DiscreteSchedule, ModelError> {
        let steps = self.num_train_timesteps;
        let base = match (&self.trained_betas, self.beta_schedule.as_str()) {
            (Some(betas), _) => DiscreteSchedule::from_betas(betas),
            (None, "linear") => DiscreteSchedule::linear(steps, self.beta_start, self.beta_end),
            (None, "scaled_linear") => {
                DiscreteSchedule::scaled_linear(steps, self.beta_start, self.beta_end)
            }
            (None, "squaredcos_cap_v2") => DiscreteSchedule::squaredcos_cap_v2(steps),
            (None, other) => {
                return Err(ModelError::Folder {
                    path: path.to_path_buf(),
                    problem: format!(
                        "`beta_schedule` is \"{other}\"; linear, scaled_linear, squaredcos_cap_v2 and trained_betas are supported"
                    ),
                });
            }
        };
        let schedule = base.and_then(|base| {
            if self.rescale_betas_zero_snr { base.rescale_zero_terminal_snr() } else { Ok(base) }
        });
        schedule.map_err(|source| ModelError::Schedule { path: path.to_path_buf(), source })
    }
}
