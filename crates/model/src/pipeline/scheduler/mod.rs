//! `scheduler/scheduler_config.json`. diffusers' scheduler is a noise schedule and a sampler in one.

mod class;

use std::path::Path;

pub use class::DpmSolver;
use halfstep_core::{
    AncestralVariance, DiscreteSchedule, MAX_TRAIN_TIMESTEPS, PredictionType, TimestepSpacing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::ModelError;
use crate::pipeline::json::{parse_fields, read_json};
use crate::pipeline::scheduler::class::{check_class, class_defaults, refuse_other_diffusions};

/// The fields of diffusers' schedulers: the noise schedule that the model was trained with, and its preferred
/// sampler. The defaults are those of `DDIMScheduler`; [`SchedulerConfig::read`] uses those of the class that
/// the file names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SchedulerConfig {
    /// The name of diffusers' class.
    #[serde(rename = "_class_name")]
    pub class_name: String,
    /// The version of diffusers whose fields these are.
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
    /// The bound of that clipping.
    pub clip_sample_range: f64,
    /// The prediction type: eps, x0 or v.
    pub prediction_type: PredictionType,
    /// Shift the schedule to zero terminal SNR (Lin et al. 2023).
    pub rescale_betas_zero_snr: bool,
    /// The last step ends at the clean image instead of t = 0.
    pub set_alpha_to_one: bool,
    /// A number added to `leading` times.
    pub steps_offset: usize,
    /// How sampling times are spread.
    pub timestep_spacing: TimestepSpacing,
    /// All other fields, kept as they are.
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
    /// The defaults of `DDPMScheduler`: eps at 1000 linear betas.
    pub fn ddpm() -> Self {
        Self { class_name: "DDPMScheduler".to_owned(), ..Self::default() }
    }

    /// Reads a `scheduler_config.json`. A missing field has the default of the class that the file names.
    ///
    /// # Errors
    /// [`ModelError`] naming `path` and the field that is not supported or out of range.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let mut fields: Map<String, Value> = read_json(path)?;
        let class = fields.get("_class_name").and_then(Value::as_str).map(str::to_owned);
        for (field, value) in class_defaults(class.as_deref().unwrap_or_default()) {
            fields.entry(field).or_insert(value);
        }
        let config: Self = parse_fields(fields, path)?;
        config.validate(path)?;
        Ok(config)
    }

    /// The config of a schedule: `trained_betas`, trailing times, no clipping.
    ///
    /// A schedule that ends in pure noise sets `rescale_betas_zero_snr` although rescaling changes nothing in
    /// it: diffusers' solvers step back from alpha = 0, where their sigma is infinite, only with that field.
    pub fn from_schedule(schedule: &DiscreteSchedule, prediction_type: PredictionType) -> Self {
        Self {
            num_train_timesteps: schedule.len(),
            trained_betas: Some(schedule.betas()),
            clip_sample: false,
            prediction_type,
            rescale_betas_zero_snr: schedule.has_zero_terminal_snr(),
            timestep_spacing: TimestepSpacing::Trailing,
            ..Self::default()
        }
    }

    /// Checks the fields that do not depend on the noise schedule.
    ///
    /// # Errors
    /// [`ModelError::Folder`] naming `path` and the field that is not supported or out of range.
    pub fn validate(&self, path: &Path) -> Result<(), ModelError> {
        check_class(&self.class_name, path)?;
        refuse_other_diffusions(self, path)?;
        if !(1..=MAX_TRAIN_TIMESTEPS).contains(&self.num_train_timesteps) {
            return Err(wrong(
                path,
                format!(
                    "`num_train_timesteps` is {}; 1 to {MAX_TRAIN_TIMESTEPS} are accepted",
                    self.num_train_timesteps
                ),
            ));
        }
        if let Some(betas) = self.trained_betas.as_ref()
            && betas.len() != self.num_train_timesteps
        {
            let problem = format!(
                "`trained_betas` has {} entries and `num_train_timesteps` is {}: they must agree",
                betas.len(),
                self.num_train_timesteps
            );
            return Err(wrong(path, problem));
        }
        if !(self.clip_sample_range.is_finite() && self.clip_sample_range > 0.0) {
            return Err(wrong(
                path,
                format!("`clip_sample_range` is {}; it must be positive", self.clip_sample_range),
            ));
        }
        for field in ["dynamic_thresholding_ratio", "sample_max_value"] {
            let value = self.other.get(field).filter(|value| !value.is_null());
            let positive = |value: &Value| value.as_f64().is_some_and(|number| number > 0.0);
            if let Some(value) = value.filter(|value| !positive(value)) {
                return Err(wrong(path, format!("`{field}` is {value}; it must be positive")));
            }
        }
        match self.other.get("thresholding") {
            None | Some(Value::Null | Value::Bool(_)) => Ok(()),
            Some(value) => {
                Err(wrong(path, format!("`thresholding` is {value}; true or false is expected")))
            }
        }
    }

    /// The quantile of dynamic thresholding in (0, 1], if the file asks for it, and the largest magnitude that
    /// it scales down, if the file sets it. diffusers' defaults are 0.995 and 1.
    pub fn thresholding(&self) -> (Option<f64>, Option<f64>) {
        let number = |field: &str| self.other.get(field).and_then(Value::as_f64);
        let asked = self.other.get("thresholding") == Some(&Value::Bool(true));
        let ratio = asked.then(|| number("dynamic_thresholding_ratio").unwrap_or(0.995).min(1.0));
        (ratio, number("sample_max_value"))
    }

    /// Whether diffusers' DPM-Solver schedulers would end at the clean image (`final_sigmas_type`,
    /// "zero" by default).
    pub fn final_sigma_is_zero(&self) -> bool {
        self.other.get("final_sigmas_type").and_then(Value::as_str) != Some("sigma_min")
    }

    /// Whether the schedule is DDPM's linear one.
    pub fn has_linear_betas(&self) -> bool {
        self.trained_betas.is_none() && self.beta_schedule == "linear"
    }

    /// The variance of ancestral sampling by `variance_type`; without that field, the posterior's.
    ///
    /// # Errors
    /// [`ModelError::Folder`] naming `path` if the variance needs more than the network predicts.
    pub fn variance(&self, path: &Path) -> Result<AncestralVariance, ModelError> {
        match self.other.get("variance_type") {
            None | Some(Value::Null) => Ok(AncestralVariance::FixedSmall),
            Some(value) => match value.as_str() {
                Some("fixed_small" | "fixed_small_log") => Ok(AncestralVariance::FixedSmall),
                Some("fixed_large" | "fixed_large_log") => Ok(AncestralVariance::FixedLarge),
                _ => Err(wrong(
                    path,
                    format!(
                        "`variance_type` is {value}; fixed_small, fixed_small_log, fixed_large and \
                         fixed_large_log are supported"
                    ),
                )),
            },
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
                return Err(wrong(
                    path,
                    format!(
                        "`beta_schedule` is \"{other}\"; linear, scaled_linear, squaredcos_cap_v2 and trained_betas are supported"
                    ),
                ));
            }
        };
        let schedule = base.and_then(|base| {
            if self.rescale_betas_zero_snr { base.rescale_zero_terminal_snr() } else { Ok(base) }
        });
        schedule.map_err(|source| ModelError::Schedule { path: path.to_path_buf(), source })
    }
}

pub(crate) fn wrong(path: &Path, problem: String) -> ModelError {
    ModelError::Folder { path: path.to_path_buf(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> SchedulerConfig {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        let cases = [
            ("EulerAncestral", r#"{"_class_name": "EulerAncestralDiscreteScheduler"}"#),
            ("num_train_timesteps", r#"{"num_train_timesteps": 0}"#),
            ("num_train_timesteps", r#"{"num_train_timesteps": 1000000000000}"#),
            ("trained_betas", r#"{"trained_betas": [0.1], "num_train_timesteps": 2}"#),
            ("clip_sample_range", r#"{"clip_sample_range": 0.0}"#),
            ("clip_sample_range", r#"{"clip_sample_range": -1.0}"#),
            ("thresholding", r#"{"thresholding": "yes"}"#),
            ("sample_max_value", r#"{"sample_max_value": -1.0}"#),
        ];
        for (needle, json) in cases {
            let error = parse(json).validate(Path::new("a.json")).unwrap_err().to_string();
            assert!(error.contains(needle) && error.contains("a.json"), "{needle}: {error}");
        }
        parse(r#"{"_class_name": "DDPMScheduler", "thresholding": false}"#)
            .validate(Path::new("a.json"))
            .unwrap();
    }

    #[test]
    fn thresholding_is_the_files() {
        assert_eq!(parse("{}").thresholding(), (None, None));
        let asked = parse(r#"{"thresholding": true, "sample_max_value": 1.5}"#);
        assert_eq!(asked.thresholding(), (Some(0.995), Some(1.5)));
    }

    #[test]
    fn the_variance_is_the_files() {
        let path = Path::new("a.json");
        let of = |json: &str| parse(json).variance(path);
        assert_eq!(of("{}").unwrap(), AncestralVariance::FixedSmall);
        let large = of(r#"{"variance_type": "fixed_large_log"}"#);
        assert_eq!(large.unwrap(), AncestralVariance::FixedLarge);
        let learned = of(r#"{"variance_type": "learned_range"}"#);
        assert!(learned.unwrap_err().to_string().contains("learned_range"));
    }
}
