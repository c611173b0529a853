//! Checks of a configuration's values: ranges, and settings that contradict each other.

use std::path::Path;

use halfstep_core::{DiscreteSchedule, EmaSchedule, EmaWarmup, PredictionType};
use halfstep_model::SelectedDevice;

use crate::config::job::Job;
use crate::config::resolved::ResolvedConfig;
use crate::config::{OptimizerConfig, TrainConfig};
use crate::error::TrainError;

impl TrainConfig {
    /// Checks all values, and all combinations of settings.
    pub(super) fn check(&self, schedule: &DiscreteSchedule) -> Result<(), TrainError> {
        self.validate_numbers()?;
        validate_ema("teacher.ema", &self.teacher.ema)?;
        self.distill.ema.iter().try_for_each(|ema| validate_ema("distill.ema", ema))?;
        self.validate_previews(schedule.len())?;
        self.validate_rounds(schedule.len())?;
        let teacher = self.teacher.prediction_type;
        if teacher == PredictionType::Epsilon && schedule.has_zero_terminal_snr() {
            return Err(TrainError::config(
                "teacher.prediction_type",
                "is \"epsilon\", which does not determine the image at alpha = 0, where this schedule ends; use \
                 \"v_prediction\" or \"sample\", or set zero_terminal_snr = false in [schedule]",
            ));
        }
        if self.rounds().is_empty() {
            return Ok(());
        }
        if teacher == PredictionType::Epsilon {
            return Err(TrainError::config(
                "teacher.prediction_type",
                "is \"epsilon\": a few-step student starts at alpha = 0, where epsilon does not determine the image, \
                 and it predicts what its teacher predicts; use \"v_prediction\" or \"sample\"",
            ));
        }
        if self.distill.weighting.vanishes_at_zero_snr() {
            return Err(TrainError::config(
                "distill.weighting",
                format!(
                    "is \"{}\", whose weight is 0 at alpha = 0, so a student's first and most important step would \
                     not be trained; use \"truncated_snr\", \"snr_plus_one\" or \"x0\"",
                    self.distill.weighting.name()
                ),
            ));
        }
        Ok(())
    }

    /// Checks that either `[model]` or `teacher.from` gives the network, and not both.
    pub(super) fn check_network_source(&self) -> Result<(), TrainError> {
        match (&self.teacher.from, &self.model) {
            (Some(_), None) | (None, Some(_)) => Ok(()),
            (None, None) => Err(TrainError::no_network()),
            (Some(_), Some(_)) => Err(TrainError::config(
                "model",
                "describes a network, and so does teacher.from; remove one of them",
            )),
        }
    }

    fn validate_numbers(&self) -> Result<(), TrainError> {
        let (teacher, distill, log) = (&self.teacher, &self.distill, &self.log);
        let required = |steps: u64| if teacher.from.is_some() { 1 } else { steps };
        let counts: [(&'static str, u64); 13] = [
            ("teacher.train_steps", required(teacher.train_steps)),
            ("teacher.batch_size", teacher.batch_size as u64),
            ("teacher.accumulate", teacher.accumulate as u64),
            ("distill.teacher_steps", distill.teacher_steps as u64),
            ("distill.student_steps", distill.student_steps as u64),
            ("distill.train_steps", distill.train_steps),
            ("distill.last_train_steps", distill.last_train_steps.unwrap_or(1)),
            ("distill.batch_size", distill.batch_size as u64),
            ("distill.accumulate", distill.accumulate as u64),
            ("distill.agreement_images", distill.agreement_images as u64),
            ("log.every", log.every),
            ("log.sample_batch", log.sample_batch as u64),
            ("log.checkpoint_every", log.checkpoint_every),
        ];
        if let Some((field, _)) = counts.iter().find(|(_, value)| *value == 0) {
            return Err(TrainError::config(*field, "is 0 or missing; at least 1 is needed"));
        }
        for (field, batch, parts) in [
            ("teacher.accumulate", teacher.batch_size, teacher.accumulate),
            ("distill.accumulate", distill.batch_size, distill.accumulate),
        ] {
            if !batch.is_multiple_of(parts) {
                return Err(TrainError::config(
                    field,
                    format!("is {parts}, which does not divide the batch size {batch}"),
                ));
            }
        }
        for (field, rate) in [
            ("teacher.learning_rate", teacher.learning_rate),
            ("distill.learning_rate", distill.learning_rate),
        ] {
            if !(rate > 0.0 && rate.is_finite()) {
                return Err(TrainError::config(
                    field,
                    format!("is {rate} or missing; it must be positive"),
                ));
            }
        }
        validate_optimizer("teacher.optimizer", &teacher.optimizer)?;
        validate_optimizer("distill.optimizer", &distill.optimizer)
    }

    fn validate_previews(&self, train_timesteps: usize) -> Result<(), TrainError> {
        let log = &self.log;
        if log.preview_every > 0 && !(1..=train_timesteps).contains(&log.preview_steps) {
            let problem = format!(
                "is {}; 1 to {train_timesteps} are possible, and log.preview_every = 0 turns previews off",
                log.preview_steps
            );
            return Err(TrainError::config("log.preview_steps", problem));
        }
        Ok(())
    }
}

impl ResolvedConfig {
    /// Refuses `teacher.flip` where `allowed` is false, because mirrored images of the dataset are not valid.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the dataset.
    pub fn check_flip(&self, allowed: bool, dataset: &str) -> Result<(), TrainError> {
        if !self.teacher.flip || allowed {
            return Ok(());
        }
        let problem = format!(
            "is true, but mirrored images are not valid images of {dataset}; set it to false"
        );
        Err(TrainError::config("teacher.flip", problem))
    }

    /// Refuses a precision that the device does not support.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the precision and the reason.
    pub fn check_precision(&self, device: &SelectedDevice) -> Result<(), TrainError> {
        self.precision.check(device).map_err(|error| {
            let problem =
                format!("is \"{}\", but {error}; \"f32\" works everywhere", self.precision);
            TrainError::config("precision", problem)
        })
    }
}

impl Job {
    /// Refuses a run folder inside the folder of training pictures: when the run continues, it would read its
    /// own pictures as training data.
    ///
    /// # Errors
    /// [`TrainError::File`] naming both folders.
    pub fn check_place(&self, out: &Path) -> Result<(), TrainError> {
        match self.data.as_ref().and_then(|data| data.would_see(out)) {
            None => Ok(()),
            Some(pictures) => Err(TrainError::file(
                out,
                format!(
                    "lies inside data.dir, {}: the run's own pictures would be read as training data. Move one of \
                     them; an existing run folder can be moved",
                    pictures.display()
                ),
            )),
        }
    }
}

/// Checks a moving average; `table` names its table, such as `teacher.ema`.
pub(crate) fn validate_ema(table: &str, ema: &EmaSchedule) -> Result<(), TrainError> {
    if !(0.0..=1.0).contains(&ema.decay) {
        let problem = format!("is {}; it must be in [0, 1]", ema.decay);
        return Err(TrainError::config(format!("{table}.decay"), problem));
    }
    if !(0.0..=ema.decay).contains(&ema.min_decay) {
        let problem = format!("is {}; it must be in [0, decay]", ema.min_decay);
        return Err(TrainError::config(format!("{table}.min_decay"), problem));
    }
    match ema.warmup {
        EmaWarmup::Power { inv_gamma, power }
            if !(inv_gamma > 0.0 && power > 0.0 && inv_gamma.is_finite() && power.is_finite()) =>
        {
            let problem = "needs a positive inv_gamma and a positive power";
            Err(TrainError::config(format!("{table}.warmup"), problem))
        }
        _ => Ok(()),
    }
}

fn validate_optimizer(field: &'static str, optimizer: &OptimizerConfig) -> Result<(), TrainError> {
    let betas_fine = optimizer.betas.iter().all(|beta| (0.0..1.0).contains(beta));
    let others = [optimizer.eps, optimizer.weight_decay, optimizer.grad_clip];
    if betas_fine
        && optimizer.eps > 0.0
        && others.iter().all(|value| *value >= 0.0 && value.is_finite())
    {
        return Ok(());
    }
    Err(TrainError::config(
        field,
        "has a value out of range: betas must be in [0, 1), eps must be positive, weight_decay and grad_clip must not \
         be negative",
    ))
}
