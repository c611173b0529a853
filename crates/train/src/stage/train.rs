//! The training loop of one stage.

use std::time::Instant;

use halfstep_core::caught;
use halfstep_model::UNet;
use halfstep_run::Stage;

use super::recipe::Recipe;
use super::{begin, end, preview, state};
use crate::batches::prefetch::Prefetch;
use crate::error::TrainError;
use crate::learner::Learner;
use crate::monitor::Monitor;
use crate::objective::Objective;
use crate::run::context::RunContext;

/// How a stage ended.
pub(crate) enum StageEnd {
    /// All steps were taken, and the model folder was written.
    Finished,
    /// The run was stopped on request; the state after `step` is saved.
    Stopped { step: u64 },
}

/// Trains a stage to its end, continuing from its saved state if there is one. `previous` is the stage whose
/// model is the teacher.
pub(crate) fn train_stage(
    run: &RunContext<'_>,
    stage: Stage,
    previous: Option<Stage>,
) -> Result<StageEnd, TrainError> {
    let recipe = Recipe::new(run.config, stage);
    let teacher = begin::teacher(run, previous)?;
    let (mut learner, saved) = begin::learner(run, stage, &recipe, teacher.as_ref())?;
    let clock = Clock { before: saved.seconds, started: Instant::now() };
    let mut monitor = Monitor::start(run, stage, &recipe, learner.step, saved.window)?;
    let teacher = teacher.map(|teacher| teacher.computing_in(run.config.precision));
    let objective = begin::objective(run, stage, teacher.as_ref())?;
    let end =
        caught(|| train_steps(run, stage, &recipe, &objective, &mut learner, &mut monitor, &clock));
    end.unwrap_or_else(|panic| Err(TrainError::Device(panic)))
        .map_err(|error| interrupted(error, run, stage, &recipe, learner.step, &monitor))
}

/// Takes the remaining steps: batch, loss, optimiser step, metrics, saved state, preview, report.
fn train_steps(
    run: &RunContext<'_>,
    stage: Stage,
    recipe: &Recipe<'_>,
    objective: &Objective<'_, UNet>,
    learner: &mut Learner<UNet>,
    monitor: &mut Monitor<'_>,
    clock: &Clock,
) -> Result<StageEnd, TrainError> {
    let device = run.options.device.device.clone().autodiff();
    preview::draw_if_missing(run, stage, recipe, learner)?;
    std::thread::scope(|scope| {
        let source = begin::batch_source(run, stage, recipe);
        let batches = Prefetch::start(scope, source, learner.step..recipe.steps);
        while learner.step < recipe.steps {
            let rate = recipe.lr.at(learner.step);
            let stats =
                learner.learn(rate, recipe.optimizer.grad_clip, recipe.parts, |network| {
                    let batch = batches.next()?.upload(&device);
                    objective.loss(network, &batch)
                })?;
            monitor.step(stats, learner, rate)?;

            let stopping = run.options.stop.is_raised();
            if stopping || learner.step.is_multiple_of(run.config.log.checkpoint_every) {
                monitor.check()?; // a state that is not finite is never saved
                state::save(&run.states, learner, stage, clock.seconds(), monitor.window())?;
                monitor.saved(learner.step);
            }
            if stopping {
                return Ok(StageEnd::Stopped { step: learner.step });
            }
            preview::draw_if_due(run, stage, recipe, learner)?;
            run.report_if_due();
        }
        monitor.finish(learner, recipe.lr.at(learner.step.saturating_sub(1)))?;
        end::save_model(run, stage, learner, clock.seconds())?;
        Ok(StageEnd::Finished)
    })
}

/// Adds to an error what the user needs to continue: the step, the saved state, and the images of a step that
/// diverged.
fn interrupted(
    error: TrainError,
    run: &RunContext<'_>,
    stage: Stage,
    recipe: &Recipe<'_>,
    step: u64,
    monitor: &Monitor<'_>,
) -> TrainError {
    match error {
        TrainError::Diverged { stage: name, step, saved, skipped, .. } => {
            let images = begin::batch_source(run, stage, recipe).positions(step - 1);
            TrainError::Diverged { stage: name, step, saved, skipped, images }
        }
        error => TrainError::Interrupted {
            stage: stage.to_string(),
            step,
            saved: monitor.last_saved(),
            source: Box::new(error),
        },
    }
}

/// The training time of a stage, over all starts of the program.
struct Clock {
    before: f64,
    started: Instant,
}

impl Clock {
    fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }
}
