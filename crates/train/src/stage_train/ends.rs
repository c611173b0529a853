//! How a stage begins and what it leaves: its learner, its model folder.

use burn::tensor::Device;
use halfstep_core::{TimestepSpacing, timesteps};
use halfstep_data::{Purpose, Stream};
use halfstep_model::{
    Distilled, HalfstepFile, ModelFolder, Provenance, SchedulerConfig, UNet, UNetConfig,
    flat_params, with_flat_params,
};
use halfstep_run::Stage;

use crate::config::pretrained::Original;
use crate::error::TrainError;
use crate::learner::Learner;
use crate::run::Run;
use crate::stage_train::recipe::Recipe;
use crate::stage_train::state::{self, Counters};

impl Run<'_> {
    /// The learner as it was saved, with its counters, or as the stage begins.
    pub(crate) fn learner(
        &self,
        stage: Stage,
        recipe: &Recipe<'_>,
        teacher: Option<&UNet>,
    ) -> Result<(Learner, Option<Counters>), TrainError> {
        let device = self.options.device.device.clone().autodiff();
        let found = self.states.newest(stage)?;
        for damage in &found.damaged {
            // Said whatever the verbosity: who was saved from a loss should know.
            halfstep_sample::say!("note: {damage}; the saved state before it is used");
        }
        if let Some(state) = found.whole {
            let counters = Counters::read(&state)?;
            let device = &self.options.device;
            let precision = self.config.precision;
            let learner = state::load(&state, &counters, &self.unet, recipe, precision, device)?;
            return Ok((learner, Some(counters)));
        }
        let unet = match teacher {
            Some(teacher) => {
                with_flat_params(UNet::zeroed(&self.unet, &device)?, flat_params(teacher))
            }
            None => initial_network(&self.unet, self.config.seed, &device)?,
        };
        let (optimizer, precision) = (recipe.optimizer, self.config.precision);
        let mut learner =
            Learner::new(unet, optimizer, recipe.ema, precision, &self.options.device);
        learner.non_finite = recipe.non_finite;
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
        state::refuse_not_finite("the model's", &unet)?;
        let model = ModelFolder {
            unet,
            schedule: self.schedule.clone(),
            scheduler: SchedulerConfig::from_schedule(
                &self.schedule,
                self.config.teacher.prediction_type,
            ),
            halfstep: HalfstepFile {
                schedule: self.config.schedule.clone(),
                distilled,
                provenance: Provenance {
                    role: role.to_owned(),
                    dataset: self.dataset.name().to_owned(),
                    dataset_sha256: self.dataset.sha256().to_owned(),
                    seed: self.config.seed,
                    train_steps: learner.step,
                    train_seconds: seconds,
                    original: self.original.as_deref().map(Original::name),
                    program: concat!("halfstep ", env!("CARGO_PKG_VERSION")).to_owned(),
                },
                class_names: if self.has_classes() {
                    self.dataset.class_names().to_vec()
                } else {
                    Vec::new()
                },
            },
        };
        Ok(model.save(&self.folder.model(stage))?)
    }
}

/// A network as it begins to learn: every number of it from the seed.
///
/// # Errors
/// [`TrainError::Model`] for a configuration that is refused.
pub(crate) fn initial_network(
    unet: &UNetConfig,
    seed: u64,
    device: &Device,
) -> Result<UNet, TrainError> {
    let drawn = &mut |parameter, count| weight_uniforms(seed, parameter, count);
    Ok(UNet::init(unet, device, drawn)?)
}

/// The uniform numbers that a parameter's first values are made of.
pub(crate) fn weight_uniforms(seed: u64, parameter: u64, count: usize) -> Vec<f32> {
    let mut stream = Stream::new(seed, Purpose::WeightInit, parameter);
    (0..count).map(|_| stream.uniform() as f32).collect()
}
