//! Defaults that depend on other settings.

use halfstep_core::{DiscreteSchedule, LossWeighting, ScheduleConfig, ScheduleName};
use halfstep_model::ModelOutline;

use crate::config::TrainConfig;
use crate::config::pretrained::Pretrained;
use crate::error::TrainError;

/// The default schedule: cosine with zero terminal SNR.
fn cosine() -> ScheduleConfig {
    ScheduleConfig { zero_terminal_snr: true, ..ScheduleConfig::new(ScheduleName::Cosine) }
}

impl TrainConfig {
    /// The noise schedule of the run: `[schedule]`, else the pretrained teacher's, else cosine.
    ///
    /// Every halving must be exact, so the number of sampling steps must divide the number of times T. A
    /// pretrained teacher's schedule for which it does not is spread over more times. A schedule that was
    /// spread, or whose network must learn another prediction type, is also rescaled to zero terminal SNR.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the setting.
    pub(super) fn noise_schedule(
        &self,
        pretrained: Option<&Pretrained>,
    ) -> Result<DiscreteSchedule, TrainError> {
        let wrong =
            |error: halfstep_core::ScheduleError| TrainError::config("schedule", error.to_string());
        let pretrained = match (&self.schedule, pretrained) {
            (Some(named), _) => return named.build().map_err(wrong),
            (None, None) => return cosine().build().map_err(wrong),
            (None, Some(pretrained)) => pretrained,
        };
        let ModelOutline { schedule, scheduler, .. } = &pretrained.outline;
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

    /// The loss weighting of the teacher's stage [default: min-SNR-5 for training from images,
    /// `distill.weighting` for adapting a pretrained network].
    pub fn teacher_weighting(&self) -> LossWeighting {
        match (self.teacher.weighting, &self.teacher.from) {
            (Some(weighting), _) => weighting,
            (None, Some(_)) => self.distill.weighting,
            (None, None) => LossWeighting::MinSnrGamma { gamma: 5.0 },
        }
    }

    /// Fills in the defaults that depend on other settings.
    pub(super) fn with_defaults(
        mut self,
        pretrained: Option<&Pretrained>,
        schedule: &DiscreteSchedule,
    ) -> Self {
        let twice = self.distill.train_steps.saturating_mul(2);
        self.distill.last_train_steps.get_or_insert(twice);
        self.teacher.weighting = Some(self.teacher_weighting());
        let (teacher, distill) = (&mut self.teacher, &self.distill);
        let Some(pretrained) = pretrained else {
            self.schedule.get_or_insert_with(cosine);
            return self;
        };
        if teacher.batch_size == 0 {
            teacher.batch_size = distill.batch_size;
        }
        if teacher.learning_rate == 0.0 {
            teacher.learning_rate = distill.learning_rate;
        }
        if pretrained.fits(schedule, teacher.prediction_type) {
            teacher.train_steps = 0;
        } else if teacher.train_steps == 0 {
            teacher.train_steps = distill.train_steps;
        }
        self
    }
}
