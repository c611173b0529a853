//! The end of a stage: its model folder.

use halfstep_core::{TimestepSpacing, timesteps};
use halfstep_model::{Distilled, HalfstepFile, ModelFolder, Provenance, SchedulerConfig, UNet};
use halfstep_run::Stage;

use super::state::refuse_not_finite;
use crate::error::TrainError;
use crate::learner::Learner;
use crate::run::context::RunContext;

/// Writes the model folder of a stage that has trained for `seconds`.
pub(crate) fn save_model(
    run: &RunContext<'_>,
    stage: Stage,
    learner: &Learner<UNet>,
    seconds: f64,
) -> Result<(), TrainError> {
    let schedule = &run.config.schedule;
    let (role, distilled) = match stage {
        Stage::Teacher => ("teacher", None),
        Stage::Round { num_steps, .. } => {
            // The times that samplers and measurements use too.
            let timesteps = timesteps(TimestepSpacing::Trailing, num_steps, schedule.len(), 0)
                .map_err(|error| TrainError::config("distill.student_steps", error.to_string()))?;
            ("student", Some(Distilled { num_steps, timesteps }))
        }
    };
    let unet = learner.result(&run.options.device.device);
    refuse_not_finite("the model's", &unet)?;
    let class_names = if run.has_classes() { run.images.class_names() } else { &[] };
    let model = ModelFolder {
        unet,
        schedule: schedule.clone(),
        scheduler: SchedulerConfig::from_schedule(schedule, run.config.teacher.prediction_type),
        halfstep: HalfstepFile {
            schedule: run.config.settings.schedule.clone(),
            distilled,
            provenance: Provenance {
                role: role.to_owned(),
                dataset: run.images.name().to_owned(),
                dataset_sha256: run.images_sha256.clone(),
                seed: run.config.seed,
                train_steps: learner.step,
                train_seconds: seconds,
                original: run.config.pretrained.as_ref().map(|teacher| teacher.name()),
                program: concat!("halfstep ", env!("CARGO_PKG_VERSION")).to_owned(),
            },
            class_names: class_names.to_vec(),
        },
    };
    Ok(model.save(&run.folder.model(stage))?)
}
