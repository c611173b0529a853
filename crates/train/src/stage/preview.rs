//! Preview grids, drawn while a stage trains.

use halfstep_model::{HalfstepFile, ModelFolder, SchedulerConfig, UNet};
use halfstep_run::{Stage, layout};
use halfstep_sample::{SampleError, output, picture};

use super::recipe::Recipe;
use crate::error::TrainError;
use crate::evaluate::agreement::{AgreementOptions, draw_images};
use crate::learner::Learner;
use crate::run::context::RunContext;

/// Draws the preview of the step at which a resumed stage starts, if it is missing. It can be missing because a
/// step's state is saved before its preview is drawn.
pub(crate) fn draw_if_missing(
    run: &RunContext<'_>,
    stage: Stage,
    recipe: &Recipe<'_>,
    learner: &Learner<UNet>,
) -> Result<(), TrainError> {
    match learner.step > 0 && !layout::preview(run.folder.path(), stage, learner.step).exists() {
        true => draw_if_due(run, stage, recipe, learner),
        false => Ok(()),
    }
}

/// Draws a preview if one is due after this step.
pub(crate) fn draw_if_due(
    run: &RunContext<'_>,
    stage: Stage,
    recipe: &Recipe<'_>,
    learner: &Learner<UNet>,
) -> Result<(), TrainError> {
    let log = &run.config.log;
    if log.preview_every == 0
        || !learner.step.is_multiple_of(log.preview_every)
        || log.preview_images == 0
    {
        return Ok(());
    }
    let (device, schedule) = (&run.options.device.device, &run.config.schedule);
    let model = ModelFolder {
        unet: learner.result(device),
        schedule: schedule.clone(),
        scheduler: SchedulerConfig::from_schedule(schedule, run.config.teacher.prediction_type),
        halfstep: HalfstepFile::default(),
    };
    let options = AgreementOptions::new(run, log.preview_images);
    let label = format!("preview of {stage}");
    let images = match draw_images(&model, recipe.preview_steps, &options, &label) {
        // The training loop saves the state and stops after the next step.
        Err(TrainError::Sample(SampleError::Stopped)) => return Ok(()),
        images => images?,
    };
    let scale = picture::comfortable_scale(images.shape[2]);
    let grid = picture::grid(&images, picture::square_columns(images.len()), scale)?;
    output::write_png(&layout::preview(run.folder.path(), stage, learner.step), grid)?;
    Ok(())
}
