//! Pictures while a stage learns.

use halfstep_model::{HalfstepFile, ModelFolder, SchedulerConfig};
use halfstep_run::{Stage, layout};
use halfstep_sample::{SampleError, output, picture};

use crate::error::TrainError;
use crate::evaluate::agreement::{AgreementOptions, draw_images};
use crate::learner::Learner;
use crate::run::Run;
use crate::stage_train::recipe::Recipe;

impl Run<'_> {
    /// Draws a preview if one is due.
    pub(crate) fn preview(
        &self,
        stage: Stage,
        recipe: &Recipe<'_>,
        learner: &Learner,
    ) -> Result<(), TrainError> {
        let log = &self.config.log;
        if log.preview_every == 0
            || !learner.step.is_multiple_of(log.preview_every)
            || log.preview_images == 0
        {
            return Ok(());
        }
        let device = &self.options.device.device;
        let model = ModelFolder {
            unet: learner.result(device),
            schedule: self.schedule.clone(),
            scheduler: SchedulerConfig::from_schedule(
                &self.schedule,
                self.config.teacher.prediction_type,
            ),
            halfstep: HalfstepFile::default(),
        };
        let options = self.agreement_options(log.preview_images);
        let label = format!("preview of {stage}");
        let images = match draw_images(&model, device, recipe.preview_steps, &options, &label) {
            // The state is saved, and the run left, after the next step.
            Err(TrainError::Sample(SampleError::Stopped)) => return Ok(()),
            images => images?,
        };
        let path = layout::preview(self.folder.path(), stage, learner.step);
        let columns = picture::square_columns(images.len());
        output::write_png(
            &path,
            picture::grid(&images, columns, picture::comfortable_scale(images.shape[2]))?,
        )?;
        Ok(())
    }

    pub(crate) fn agreement_options(&self, count: usize) -> AgreementOptions {
        AgreementOptions {
            seed: self.config.seed,
            count,
            batch_size: self.config.log.sample_batch,
            classes: self.classes(),
            quiet: self.options.quiet,
            stop: self.options.stop.clone(),
        }
    }
}
