//! What a finished stage reached: its row of the table, its pictures.

use std::path::Path;

use halfstep_model::ModelFolder;
use halfstep_run::layout::{COMPARISON, SampleRow};
use halfstep_run::{Memorisation, RoundResult, Stage, Summary};
use halfstep_sample::{Images, output, picture};

use crate::config::Config;
use crate::error::TrainError;
use crate::evaluate::agreement::{Agreement, draw_images};
use crate::evaluate::card::Card;
use crate::evaluate::output_error::output_mse;
use crate::monitor::final_loss;
use crate::run::Run;

/// Images a row in the pictures.
const COMPARED: usize = 10;

/// Whether a stage's row, card and pictures are in a run folder.
pub(crate) fn is_measured(config: &Config, folder: &Path, stage: Stage, summary: &Summary) -> bool {
    let rows = SampleRow::of_stage(stage, config.distill.teacher_steps);
    let is_last = config.stages().last() == Some(&stage);
    summary.of_stage(stage.index()).is_some()
        && Card::is_there(&folder.join(stage.folder()))
        && rows.into_iter().all(|row| row.path(folder).is_file())
        && (!is_last || folder.join(COMPARISON).is_file() && Memorisation::read(folder).is_some())
}

impl Run<'_> {
    /// Measures a stage whose model is there, against the teacher's images, which are drawn the first
    /// time they are needed.
    pub(crate) fn measure(
        &self,
        stage: Stage,
        agreement: &mut Option<Agreement>,
        summary: &mut Summary,
    ) -> Result<(), TrainError> {
        let device = &self.options.device.device;
        let teacher_steps = self.config.distill.teacher_steps;
        let load = |stage| ModelFolder::load(&self.folder.model(stage), device);
        let agreement = match agreement {
            Some(agreement) => agreement,
            None => {
                let options = self.agreement_options(self.config.distill.agreement_images);
                let teacher = load(Stage::Teacher)?;
                agreement.insert(Agreement::new(teacher, device.clone(), teacher_steps, options)?)
            }
        };
        let model = load(stage)?;
        let pair = match stage.num_steps() {
            None => None,
            Some(num_steps) => {
                let own = agreement.student_images(&model, num_steps)?;
                Some((agreement.teacher_images(num_steps)?, own))
            }
        };
        let output_mse = match stage {
            Stage::Teacher => {
                let labels = self.has_classes();
                Some(output_mse(&model, self.dataset, labels, self.config.seed, device)?)
            }
            Stage::Round { .. } => None,
        };
        let original = match stage {
            Stage::Teacher => self.original_images()?,
            Stage::Round { .. } => None,
        };
        self.draw_rows(stage, agreement.reference(), pair.as_ref())?;
        let provenance = &model.halfstep.provenance;
        summary.set(RoundResult {
            output_mse,
            original_agreement: original.map(|images| agreement.distance(&images)),
            stage: stage.index(),
            num_steps: stage.num_steps().unwrap_or(teacher_steps),
            train_steps: provenance.train_steps,
            loss: final_loss(&self.folder, stage, provenance.train_steps),
            seconds: provenance.train_seconds,
            agreement: pair.as_ref().map(|(_, own)| agreement.distance(own)),
            teacher_agreement: pair.as_ref().map(|(teacher, _)| agreement.distance(teacher)),
        });
        summary.write(self.folder.path())?;
        let images = pair.as_ref().map_or(agreement.reference(), |(_, own)| own);
        self.card(stage, &model, summary).write(images)
    }

    fn card<'b>(&'b self, stage: Stage, model: &'b ModelFolder, summary: &'b Summary) -> Card<'b> {
        Card {
            folder: self.folder.model(stage),
            model,
            stage,
            config: self.config,
            dataset: self.dataset,
            summary,
            device: &self.options.device.description,
        }
    }

    /// What the original of an adapted teacher draws from the same noises, in as many steps on its own
    /// times.
    fn original_images(&self) -> Result<Option<Images>, TrainError> {
        let Some(original) = self.original.as_ref().filter(|_| self.config.teacher.train_steps > 0)
        else {
            return Ok(None);
        };
        let device = &self.options.device.device;
        let steps = self.config.distill.teacher_steps.min(original.outline.schedule.len());
        let options = self.agreement_options(self.config.distill.agreement_images);
        let model = original.outline.load(device)?;
        draw_images(&model, device, steps, &options, "original").map(Some)
    }

    /// The stage's rows; after the last one the picture that compares, and the nearest training images.
    fn draw_rows(
        &self,
        stage: Stage,
        reference: &Images,
        pair: Option<&(Images, Images)>,
    ) -> Result<(), TrainError> {
        let scale = picture::comfortable_scale(reference.shape[2]);
        let images: Vec<&Images> = match pair {
            Some((teacher, student)) => vec![teacher, student],
            None => vec![reference],
        };
        for (row, images) in
            SampleRow::of_stage(stage, self.config.distill.teacher_steps).iter().zip(&images)
        {
            let drawn = picture::rows(&[&images.first(COMPARED)], scale)?;
            output::write_png(&row.path(self.folder.path()), drawn)?;
        }
        if !self.is_last(stage) {
            return Ok(());
        }
        let best = images[images.len() - 1];
        self.nearest(stage, best)?;
        let mut rows = vec![reference.first(COMPARED)];
        rows.extend(pair.into_iter().flat_map(|(a, b)| [a.first(COMPARED), b.first(COMPARED)]));
        let rows: Vec<&Images> = rows.iter().collect();
        output::write_png(&self.folder.file(COMPARISON), picture::rows(&rows, scale)?)?;
        Ok(())
    }
}
