//! Previews while a run learns; its table and comparison picture when it has.

use halfstep_model::{HalfstepFile, ModelFolder, SchedulerConfig};
use halfstep_sample::{Images, SampleError, output, picture};

use crate::agreement::{Agreement, AgreementOptions, draw_images};
use crate::error::TrainError;
use crate::evaluate::output_mse;
use crate::learner::Learner;
use crate::recipe::Recipe;
use crate::run::Run;
use crate::stage::Stage;
use crate::summary::{RoundResult, Summary};
use crate::watch::final_loss;

/// Images a row in the comparison picture.
const COMPARED: usize = 10;

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
        let name = stage.folder().replace('/', "_");
        let path = self.folder.file(&format!("samples/{name}_{:06}.png", learner.step));
        let columns = picture::square_columns(images.len());
        output::write_png(
            &path,
            picture::grid(&images, columns, picture::comfortable_scale(images.shape[2]))?,
        )?;
        Ok(())
    }

    fn agreement_options(&self, count: usize) -> AgreementOptions {
        AgreementOptions {
            seed: self.config.seed,
            count,
            batch_size: self.config.log.sample_batch,
            quiet: self.options.quiet,
            stop: self.options.stop.clone(),
        }
    }

    /// Fills the table and draws the comparison picture.
    pub(crate) fn measure(&self, stages: &[Stage]) -> Result<Summary, TrainError> {
        let mut summary = Summary::default();
        let device = &self.options.device.device;
        let teacher = ModelFolder::load(&self.folder.model(Stage::Teacher), device)?;
        let options = self.agreement_options(self.config.distill.agreement_images);
        let agreement =
            Agreement::new(&teacher, device, self.config.distill.teacher_steps, options)?;
        let mut last: Option<(Images, Images)> = None;
        for &stage in stages {
            let model = ModelFolder::load(&self.folder.model(stage), device)?;
            let (num_steps, pair) = match stage {
                Stage::Teacher => (self.config.distill.teacher_steps, None),
                Stage::Round { num_steps, .. } => {
                    let own = agreement.student_images(&model, num_steps)?;
                    (num_steps, Some((agreement.teacher_images(num_steps)?, own)))
                }
            };
            let output_mse = (stage == Stage::Teacher)
                .then(|| {
                    let labels = self.config.model.class_conditional;
                    output_mse(&model, self.dataset, labels, self.config.seed, device)
                })
                .transpose()?;
            summary.set(RoundResult {
                output_mse,
                stage: stage.index(),
                num_steps,
                train_steps: model.halfstep.provenance.train_steps,
                loss: final_loss(&self.folder, stage, model.halfstep.provenance.train_steps),
                seconds: model.halfstep.provenance.train_seconds,
                agreement: pair.as_ref().map(|(_, own)| agreement.distance(own)),
                teacher_agreement: pair.as_ref().map(|(teacher, _)| agreement.distance(teacher)),
            });
            summary.write(&self.folder)?;
            last = pair.or(last);
        }
        let mut rows = vec![agreement.reference().first(COMPARED)];
        if let Some((teacher, student)) = last {
            rows.extend([teacher.first(COMPARED), student.first(COMPARED)]);
        }
        let scale = picture::comfortable_scale(rows[0].shape[2]);
        output::write_png(
            &self.comparison_path(),
            picture::rows(&rows.iter().collect::<Vec<_>>(), scale)?,
        )?;
        Ok(summary)
    }
}
