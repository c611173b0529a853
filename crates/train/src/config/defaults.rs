//! What a configuration leaves unsaid.

use halfstep_core::LossWeighting;

use crate::config::Config;
use crate::config::pretrained::cosine;
use crate::error::TrainError;

impl Config {
    /// How noise levels count while the teacher learns.
    pub fn teacher_weighting(&self) -> LossWeighting {
        match (self.teacher.weighting, &self.teacher.from) {
            (Some(weighting), _) => weighting,
            (None, Some(_)) => self.distill.weighting,
            (None, None) => LossWeighting::MinSnrGamma { gamma: 5.0 },
        }
    }

    /// With the defaults that follow from other fields made explicit.
    ///
    /// # Errors
    /// [`TrainError`] if the folder that the teacher comes from cannot be read.
    pub(crate) fn resolved(mut self) -> Result<Self, TrainError> {
        let twice = self.distill.train_steps.saturating_mul(2);
        self.distill.last_train_steps.get_or_insert(twice);
        self.teacher.weighting = Some(self.teacher_weighting());
        let (teacher, distill) = (&mut self.teacher, &self.distill);
        if teacher.from.is_none() {
            self.schedule.get_or_insert_with(cosine);
            return Ok(self);
        }
        if teacher.batch_size == 0 {
            teacher.batch_size = distill.batch_size;
        }
        if teacher.learning_rate == 0.0 {
            teacher.learning_rate = distill.learning_rate;
        }
        if self.takes_over()? {
            self.teacher.train_steps = 0;
        } else if self.teacher.train_steps == 0 {
            self.teacher.train_steps = self.distill.train_steps;
        }
        Ok(self)
    }
}
