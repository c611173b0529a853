//! Measures a trained model: writes its row of the summary, its pictures and its card.

use halfstep_model::ModelFolder;
use halfstep_run::layout::{COMPARISON, SampleRow};
use halfstep_run::{RoundResult, Stage, Summary};
use halfstep_sample::{Images, output, picture};

use super::agreement::{Agreement, AgreementOptions, draw_images};
use super::card::Card;
use super::memorisation;
use super::output_error::output_mse;
use crate::error::TrainError;
use crate::monitor::final_loss;
use crate::run::context::RunContext;

/// Images per row in the pictures.
const COMPARED: usize = 10;

/// Measures the stages of a run against its teacher. The teacher's images are drawn once, when they are first
/// needed.
pub(crate) struct Measuring<'a> {
    run: &'a RunContext<'a>,
    agreement: Option<Agreement<'a>>,
}

/// The images of a student and of its run's teacher, from the same noises and in the same number of steps.
struct Pair {
    teacher: Images,
    student: Images,
}

impl<'a> Measuring<'a> {
    pub fn new(run: &'a RunContext<'a>) -> Self {
        Self { run, agreement: None }
    }

    /// Measures a stage whose model folder exists.
    pub fn measure(&mut self, stage: Stage, summary: &mut Summary) -> Result<(), TrainError> {
        let run = self.run;
        let (device, teacher_steps) =
            (&run.options.device.device, run.config.distill.teacher_steps);
        let load = |stage| ModelFolder::load(run.folder.model(stage), device);
        let agreement = match &mut self.agreement {
            Some(agreement) => agreement,
            none => {
                let options = AgreementOptions::new(run, run.config.distill.agreement_images);
                none.insert(Agreement::new(load(Stage::Teacher)?, options)?)
            }
        };
        let model = load(stage)?;
        let pair = match stage.num_steps() {
            None => None,
            Some(num_steps) => {
                let student = agreement.student_images(&model, num_steps)?;
                Some(Pair { teacher: agreement.teacher_images(num_steps)?, student })
            }
        };
        let (mut output_error, mut pretrained) = (None, None);
        if stage == Stage::Teacher {
            output_error =
                Some(output_mse(&model, run.images, run.has_classes(), run.config.seed, device)?);
            pretrained = pretrained_images(run)?;
        }
        draw_rows(run, stage, agreement.reference(), pair.as_ref())?;
        let provenance = &model.halfstep.provenance;
        summary.set(RoundResult {
            output_mse: output_error,
            original_agreement: pretrained.map(|images| agreement.distance(&images)),
            stage: stage.index(),
            num_steps: stage.num_steps().unwrap_or(teacher_steps),
            train_steps: provenance.train_steps,
            loss: final_loss(&run.folder, stage, provenance.train_steps),
            seconds: provenance.train_seconds,
            agreement: pair.as_ref().map(|pair| agreement.distance(&pair.student)),
            teacher_agreement: pair.as_ref().map(|pair| agreement.distance(&pair.teacher)),
        });
        summary.write(run.folder.path())?;
        let images = pair.as_ref().map_or(agreement.reference(), |pair| &pair.student);
        Card { run, model: &model, stage, summary }.write(images)
    }
}

/// The images of the pretrained network of an adapted teacher: from the same noises, in the same number of
/// steps, on the pretrained network's own times. `None` for other runs.
fn pretrained_images(run: &RunContext<'_>) -> Result<Option<Images>, TrainError> {
    let Some(pretrained) = run.config.pretrained.as_ref().filter(|_| run.config.adapts()) else {
        return Ok(None);
    };
    let steps = run.config.distill.teacher_steps.min(pretrained.outline.schedule.len());
    let options = AgreementOptions::new(run, run.config.distill.agreement_images);
    let model = pretrained.outline.load(&run.options.device.device)?;
    draw_images(&model, steps, &options, "original").map(Some)
}

/// Draws the stage's rows of images; after the last stage also the comparison picture and the nearest training
/// images.
fn draw_rows(
    run: &RunContext<'_>,
    stage: Stage,
    reference: &Images,
    pair: Option<&Pair>,
) -> Result<(), TrainError> {
    let scale = picture::comfortable_scale(reference.shape[2]);
    let images: Vec<&Images> = match pair {
        Some(pair) => vec![&pair.teacher, &pair.student],
        None => vec![reference],
    };
    let rows = SampleRow::of_stage(stage, run.config.distill.teacher_steps);
    for (row, images) in rows.iter().zip(&images) {
        let drawn = picture::rows(&[&images.first(COMPARED)], scale)?;
        output::write_png(&row.path(run.folder.path()), drawn)?;
    }
    if run.config.stages.last() != Some(&stage) {
        return Ok(());
    }
    memorisation::check(run, stage, images[images.len() - 1])?;
    let mut rows = vec![reference.first(COMPARED)];
    if let Some(Pair { teacher, student }) = pair {
        rows.extend([teacher.first(COMPARED), student.first(COMPARED)]);
    }
    let rows: Vec<&Images> = rows.iter().collect();
    output::write_png(&run.folder.file(COMPARISON), picture::rows(&rows, scale)?)?;
    Ok(())
}
