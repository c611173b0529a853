//! How a stage begins and what it leaves: its learner, its model folder.

use burn::tensor::Tensor;
use halfstep_core::{TimestepSpacing, timesteps};
use halfstep_data::{Purpose, Stream};
use halfstep_model::{
    Distilled, HalfstepFile, ModelFolder, Provenance, SchedulerConfig, UNet, flat_params,
    with_flat_params,
};

use crate::ema::Ema;
use crate::error::TrainError;
use crate::learner::Learner;
use crate::loss_scale::LossScale;
use crate::optimizer::AdamW;
use crate::packing::Packing;
use crate::recipe::Recipe;
use crate::run::Run;
use crate::stage::Stage;
use crate::state::{self, Counters};

impl Run<'_> {
    /// The learner as it was saved, with its counters, or as the stage begins.
    pub(crate) fn learner(
        &self,
        stage: Stage,
        recipe: &Recipe<'_>,
        teacher: Option<&ModelFolder>,
    ) -> Result<(Learner, Option<Counters>), TrainError> {
        let device = self.options.device.device.clone().autodiff();
        let state = self.folder.file("state");
        state::recover(&state)?;
        if let Some(counters) = Counters::read(&state)?.filter(|counters| counters.stage == stage) {
            let device = &self.options.device;
            let precision = self.config.precision;
            let learner = state::load(&state, &counters, &self.unet, recipe, precision, device)?;
            return Ok((learner, Some(counters)));
        }
        let unet = match teacher {
            Some(teacher) => {
                with_flat_params(UNet::zeroed(&self.unet, &device)?, flat_params(&teacher.unet))
            }
            None => UNet::init(&self.unet, &device, &mut |parameter, count| {
                let mut stream = Stream::new(self.config.seed, Purpose::WeightInit, parameter);
                (0..count).map(|_| stream.uniform() as f32).collect()
            })?,
        };
        let packing = Packing::of(&unet, &self.options.device);
        let ema = recipe.ema.map(|schedule| Ema::new(schedule, packing.join(flat_params(&unet))));
        let precision = self.config.precision;
        let learner = Learner {
            unet,
            optimizer: AdamW::new(recipe.optimizer),
            ema,
            packing,
            step: 0,
            precision,
            loss_scale: LossScale::needed_by(precision, &self.options.device.device),
        };
        Ok((learner, None))
    }

    /// Writes the model folder of a stage that has learned for so many seconds.
    pub(crate) fn save_model(
        &self,
        stage: Stage,
        learner: &Learner,
        seconds: f64,
    ) -> Result<(), TrainError> {
        let (role, distilled) = match stage {
            Stage::Teacher => ("teacher", None),
            Stage::Round { num_steps, .. } => {
                // The same list that samplers and the agreement use.
                let timesteps =
                    timesteps(TimestepSpacing::Trailing, num_steps, self.schedule.len(), 0)
                        .map_err(|error| {
                            TrainError::config("distill.student_steps", error.to_string())
                        })?;
                ("student", Some(Distilled { num_steps, timesteps }))
            }
        };
        let unet = learner.result(&self.options.device.device);
        if !is_finite(&unet)? {
            let (stage, step) = (stage.to_string(), learner.step);
            return Err(TrainError::Diverged { stage, step, saved: step });
        }
        let model = ModelFolder {
            unet,
            schedule: self.schedule.clone(),
            scheduler: SchedulerConfig::from_schedule(
                &self.schedule,
                self.config.teacher.prediction_type,
            ),
            halfstep: HalfstepFile {
                schedule: Some(self.config.schedule.clone()),
                distilled,
                provenance: Provenance {
                    role: role.to_owned(),
                    dataset: self.dataset.name().to_owned(),
                    dataset_sha256: self.dataset.sha256(),
                    seed: self.config.seed,
                    train_steps: learner.step,
                    train_seconds: seconds,
                    program: concat!("halfstep ", env!("CARGO_PKG_VERSION")).to_owned(),
                },
                class_names: if self.config.model.class_conditional {
                    self.dataset.class_names().to_vec()
                } else {
                    Vec::new()
                },
            },
        };
        Ok(model.save(&self.folder.model(stage))?)
    }
}

/// Whether every weight is a number.
fn is_finite(unet: &UNet) -> Result<bool, TrainError> {
    let sums = flat_params(unet).into_iter().map(Tensor::sum).collect();
    let sums = Tensor::cat(sums, 0)
        .try_into_data()
        .map_err(|error| TrainError::Device(error.to_string()))?;
    Ok(sums.iter::<f32>().all(f32::is_finite))
}
