//! The start of a stage: its teacher, objective, batches and learner.

use halfstep_model::{ModelError, ModelFolder, UNet, flat_params, with_flat_params};
use halfstep_run::Stage;

use super::initial_network::initial_network;
use super::recipe::Recipe;
use super::state::{self, Counters};
use crate::batches::BatchSource;
use crate::error::TrainError;
use crate::event::Event;
use crate::learner::Learner;
use crate::monitor::window::Window;
use crate::objective::{Adaptation, DropoutSeed, FromImages, Halving, Objective};
use crate::run::context::RunContext;

/// The network from which a stage starts: the previous stage's model, or for the first stage the pretrained
/// network, if there is one.
pub(crate) fn teacher(
    run: &RunContext<'_>,
    previous: Option<Stage>,
) -> Result<Option<UNet>, TrainError> {
    let device = &run.options.device.device;
    let folder = match (previous, &run.config.pretrained) {
        (Some(previous), _) => run.folder.model(previous),
        (None, Some(pretrained)) => return Ok(Some(pretrained.outline.load(device)?.unet)),
        (None, None) => return Ok(None),
    };
    let model = ModelFolder::verify(&folder).and_then(|()| ModelFolder::load(&folder, device));
    match model {
        Ok(model) => Ok(Some(model.unet)),
        Err(error @ ModelError::Device { .. }) => Err(error.into()),
        Err(source) => Err(TrainError::DamagedModel { folder, source }),
    }
}

/// The objective of a stage. `teacher` is the result of [`teacher`] in the run's precision.
pub(crate) fn objective<'a>(
    run: &'a RunContext<'_>,
    stage: Stage,
    teacher: Option<&'a UNet>,
) -> Result<Objective<'a, UNet>, TrainError> {
    let config = run.config;
    let (schedule, prediction_type) = (&config.schedule, config.teacher.prediction_type);
    match (stage, teacher, config.pretrained.as_deref()) {
        (Stage::Round { num_steps, .. }, Some(teacher), _) => Ok(Objective::Halve(Halving {
            teacher,
            num_steps,
            schedule,
            prediction_type,
            weighting: config.distill.weighting,
        })),
        (Stage::Teacher, Some(network), Some(pretrained)) => Ok(Objective::Adapt(Adaptation {
            pretrained: network,
            pretrained_type: pretrained.outline.scheduler.prediction_type,
            pretrained_schedule: &pretrained.outline.schedule,
            schedule,
            prediction_type,
            weighting: config.teacher_weighting(),
        })),
        (Stage::Teacher, None, None) => Ok(Objective::Images(FromImages {
            schedule,
            prediction_type,
            weighting: config.teacher_weighting(),
            dropout: (run.network.dropout > 0.0).then(|| DropoutSeed(stage.seed(config.seed))),
        })),
        (Stage::Round { .. }, None, _)
        | (Stage::Teacher, Some(_), None)
        | (Stage::Teacher, None, Some(_)) => {
            Err(TrainError::config("teacher", format!("does not fit {stage}")))
        }
    }
}

/// The source of a stage's batches.
pub(crate) fn batch_source<'a>(
    run: &RunContext<'a>,
    stage: Stage,
    recipe: &Recipe<'_>,
) -> BatchSource<'a> {
    let seed = stage.seed(run.config.seed);
    BatchSource {
        parts: recipe.parts,
        time_sampling: recipe.time_sampling,
        flip: run.config.teacher.flip,
        labels: run.has_classes(),
        ..BatchSource::new(run.images, seed, recipe.batch_size)
    }
}

/// The parts of a saved state besides the learner.
#[derive(Default)]
pub(crate) struct Resumed {
    /// Seconds of training so far.
    pub seconds: f64,
    /// The steps since the last line of metrics.
    pub window: Window,
}

/// The learner of the newest saved state, or a new one that starts from `teacher` or from random weights.
pub(crate) fn learner(
    run: &RunContext<'_>,
    stage: Stage,
    recipe: &Recipe<'_>,
    teacher: Option<&UNet>,
) -> Result<(Learner<UNet>, Resumed), TrainError> {
    let (device, precision) = (&run.options.device, run.config.precision);
    let found = run.states.newest(stage)?;
    for problem in &found.damaged {
        (run.options.on_event)(Event::DamagedState { problem });
    }
    if let Some(state) = found.whole {
        let counters = Counters::read(&state)?;
        let learner = state::load(&state, &counters, &run.network, recipe, precision, device)?;
        let Counters { seconds, window, .. } = counters;
        return Ok((learner, Resumed { seconds, window }));
    }
    let tracked = device.device.clone().autodiff();
    let network = match teacher {
        Some(teacher) => {
            with_flat_params(UNet::zeroed(&run.network, &tracked)?, flat_params(teacher))
        }
        None => initial_network(&run.network, run.config.seed, &tracked)?,
    };
    let mut learner = Learner::new(network, recipe.optimizer, recipe.ema, precision, device)?;
    learner.non_finite = recipe.non_finite;
    Ok((learner, Resumed::default()))
}
