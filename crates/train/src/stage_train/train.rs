//! Learning one stage: its steps, its saved states, what is said when it cannot go on.

use std::time::Instant;

use halfstep_data::{EpochOrder, Purpose, Stream};
use halfstep_model::{DropoutMasks, ModelError, ModelFolder, UNet};
use halfstep_run::{RunStatus, Stage, layout};
use halfstep_sample::caught;

use crate::batches::prefetch::Prefetch;
use crate::batches::{BatchSource, TrainingBatch};
use crate::error::TrainError;
use crate::learner::Learner;
use crate::monitor::Watch;
use crate::objective::adapt::{Adaptation, adaptation_loss};
use crate::objective::{DistillationRound, Loss, distillation_loss, teacher_loss};
use crate::run::Run;
use crate::stage_train::recipe::Recipe;
use crate::stage_train::state;

impl<'a> Run<'a> {
    /// Trains one stage to its end and writes its model folder, or returns the step it was asked to
    /// stop at.
    pub(crate) fn train(
        &self,
        stage: Stage,
        before: Option<Stage>,
    ) -> Result<Option<u64>, TrainError> {
        let recipe = Recipe::new(self.config, stage);
        let teacher = self.teacher_of(before)?;
        let (mut learner, saved) = self.learner(stage, &recipe, teacher.as_ref())?;
        let (seconds_before, window) =
            saved.map_or_else(Default::default, |saved| (saved.seconds, saved.window));
        let mut watch = Watch::start(
            &self.folder,
            stage,
            &recipe,
            learner.step,
            window,
            self.config,
            self.options.quiet,
        )?;
        let clock = Clock { before: seconds_before, started: Instant::now() };
        let teacher = teacher.map(|teacher| teacher.computing_in(self.config.precision));
        let (learning, teacher) = (&mut learner, teacher.as_ref());
        let stopped = caught(|| {
            std::thread::scope(|scope| {
                let steps = learning.step..recipe.steps;
                let batches = Prefetch::start(scope, self.source(stage, &recipe), steps);
                if self.steps(stage, &recipe, teacher, learning, &mut watch, &batches, &clock)? {
                    return Ok(true);
                }
                watch.finish();
                self.save_model(stage, learning, clock.seconds())?;
                Ok(false)
            })
        });
        let stopped = stopped
            .unwrap_or_else(|panic| Err(TrainError::Device(panic)))
            .map_err(|error| self.interrupted(error, stage, &recipe, learner.step, &watch))?;
        Ok(stopped.then_some(learner.step))
    }

    /// The network that a stage learns from: the model before, or for the teacher the one that was
    /// trained elsewhere, if it was.
    fn teacher_of(&self, before: Option<Stage>) -> Result<Option<UNet>, TrainError> {
        let device = &self.options.device.device;
        let folder = match (before, &self.original) {
            (Some(before), _) => self.folder.model(before),
            (None, Some(original)) => {
                return Ok(Some(original.outline.load(device)?.unet));
            }
            (None, None) => return Ok(None),
        };
        let model = ModelFolder::verify(&folder).and_then(|()| ModelFolder::load(&folder, device));
        match model {
            Ok(model) => Ok(Some(model.unet)),
            Err(error @ ModelError::Device { .. }) => Err(error.into()),
            Err(source) => Err(TrainError::DamagedModel { folder, source }),
        }
    }

    /// With all that who has to mend it wants to know.
    fn interrupted(
        &self,
        error: TrainError,
        stage: Stage,
        recipe: &Recipe<'_>,
        step: u64,
        watch: &Watch,
    ) -> TrainError {
        match error {
            TrainError::Diverged { stage: name, step, saved, skipped, .. } => {
                let images = self.source(stage, recipe).images(step - 1);
                TrainError::Diverged { stage: name, step, saved, skipped, images }
            }
            error => TrainError::Interrupted {
                stage: stage.to_string(),
                step,
                saved: watch.last_saved(),
                source: Box::new(error),
            },
        }
    }

    /// Takes the steps that are left, or returns true when asked to stop, with the state saved.
    #[expect(clippy::too_many_arguments, reason = "the parts of one loop")]
    fn steps(
        &self,
        stage: Stage,
        recipe: &Recipe<'_>,
        teacher: Option<&UNet>,
        learner: &mut Learner,
        watch: &mut Watch,
        batches: &Prefetch,
        clock: &Clock,
    ) -> Result<bool, TrainError> {
        let device = self.options.device.device.clone().autodiff();
        if learner.step > 0 && !layout::preview(self.folder.path(), stage, learner.step).exists() {
            // The state of this step was saved before its preview was drawn.
            self.preview(stage, recipe, learner)?;
        }
        while learner.step < recipe.steps {
            let step = learner.step;
            let lr = recipe.lr.at(step);
            let stats =
                learner.learn(lr, recipe.optimizer.grad_clip, recipe.parts, |unet, part| {
                    let batch = batches.next().ok_or_else(|| {
                        TrainError::Device("the thread that makes batches ended".to_owned())
                    })?;
                    let part = step * recipe.parts as u64 + part as u64;
                    self.loss(stage, teacher, unet, &batch.upload(&device), part)
                })?;
            let stopping = self.options.stop.is_raised();
            watch.step(stats, learner, lr)?;
            let save_due = learner.step.is_multiple_of(self.config.log.checkpoint_every);
            if stopping || save_due {
                watch.check()?; // never save what is not finite
                state::save(&self.states, learner, stage, clock.seconds(), watch.window())?;
                watch.saved(learner.step);
            }
            if stopping {
                return Ok(true);
            }
            self.preview(stage, recipe, learner)?;
            if self.report_is_due() {
                self.report_or_say(RunStatus::Running);
            }
        }
        watch.flush(learner, recipe.lr.at(learner.step.saturating_sub(1)))?;
        Ok(false)
    }

    fn loss(
        &self,
        stage: Stage,
        teacher: Option<&UNet>,
        unet: &UNet,
        batch: &TrainingBatch,
        part: u64,
    ) -> Result<Loss, TrainError> {
        match (stage, teacher, &self.original) {
            (Stage::Teacher, Some(network), Some(original)) => {
                let adaptation = Adaptation {
                    network,
                    original,
                    schedule: &self.schedule,
                    kind: self.config.teacher.prediction_type,
                    weighting: self.config.teacher_weighting(),
                };
                adaptation_loss(unet, &adaptation, batch)
            }
            (Stage::Round { num_steps, .. }, Some(teacher), _) => {
                let round = DistillationRound {
                    teacher,
                    num_steps,
                    schedule: &self.schedule,
                    kind: self.config.teacher.prediction_type,
                    weighting: self.config.distill.weighting,
                };
                distillation_loss(unet, &round, batch)
            }
            _ => {
                let mut stream = Stream::new(stage.seed(self.config.seed), Purpose::Dropout, part);
                let mut uniforms =
                    |n: usize| (0..n).map(|_| stream.uniform() as f32).collect::<Vec<f32>>();
                let masks = (self.unet.dropout > 0.0).then(|| DropoutMasks::new(&mut uniforms));
                let teacher = &self.config.teacher;
                Ok(teacher_loss(
                    unet,
                    &self.schedule,
                    teacher.prediction_type,
                    self.config.teacher_weighting(),
                    batch,
                    masks,
                ))
            }
        }
    }

    fn source(&self, stage: Stage, recipe: &Recipe<'_>) -> BatchSource<'a> {
        let seed = stage.seed(self.config.seed);
        BatchSource {
            dataset: self.dataset,
            order: EpochOrder::new(self.dataset.len(), seed),
            seed,
            batch_size: recipe.batch_size,
            parts: recipe.parts,
            time_sampling: recipe.time_sampling,
            flip: self.config.teacher.flip,
            labels: self.has_classes(),
        }
    }
}

/// How long a stage has been learning, over all its runs.
struct Clock {
    before: f64,
    started: Instant,
}

impl Clock {
    fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }
}
