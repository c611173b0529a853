//! The whole run: every stage in turn, from where the folder says it stopped.

use std::cell::Cell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use halfstep_core::DiscreteSchedule;
use halfstep_data::{Dataset, EpochOrder, Purpose, Stream};
use halfstep_model::{DropoutMasks, ModelFolder, SelectedDevice, UNet, UNetConfig};
use halfstep_sample::{SampleError, StopFlag, caught};

use crate::batches::BatchSource;
use crate::config::Config;
use crate::error::TrainError;
use crate::learner::Learner;
use crate::objective::{DistillationRound, Loss, distillation_loss, teacher_loss};
use crate::plan::PlanText;
use crate::prefetch::Prefetch;
use crate::recipe::Recipe;
use crate::report::write_report;
use crate::run_folder::RunFolder;
use crate::run_info::{RunClock, RunInfo};
use crate::saved_states::SavedStates;
use crate::stage::Stage;
use crate::state;
use crate::summary::Summary;
use crate::watch::Watch;

/// While a stage learns, the report is brought up to date this often.
const REPORTED_EVERY: Duration = Duration::from_secs(30);

/// Where and how to run; nothing here changes results on the CPU.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The run folder.
    pub out: PathBuf,
    /// What to compute on.
    pub device: SelectedDevice,
    /// Without progress bars.
    pub quiet: bool,
    /// When raised, the run saves its state and returns.
    pub stop: StopFlag,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Everything is there.
    Finished(Summary),
    /// Asked to stop; the state of `step` is saved.
    Stopped {
        /// The part it was in.
        stage: Stage,
        /// Optimiser steps taken in it.
        step: u64,
    },
    /// Asked to stop while a finished model was measured.
    StoppedMeasuring,
}

/// A run: a configuration, its images, its folder.
pub struct Run<'a> {
    pub(crate) config: &'a Config,
    pub(crate) dataset: &'a Dataset,
    pub(crate) options: &'a RunOptions,
    pub(crate) folder: RunFolder,
    pub(crate) unet: UNetConfig,
    pub(crate) schedule: DiscreteSchedule,
    pub(crate) states: SavedStates,
    clock: RunClock,
    reported: Cell<Instant>,
    stages: Vec<Stage>,
}

impl<'a> Run<'a> {
    /// Checks everything that can be checked, then opens or makes the run folder.
    ///
    /// # Errors
    /// [`TrainError`] naming the field, or saying why the folder cannot be used. Nothing is written
    /// for a configuration that is refused.
    pub fn open(
        config: &'a Config,
        dataset: &'a Dataset,
        options: &'a RunOptions,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        config.validate_flip(dataset.allows_flip(), dataset.name())?;
        config.validate_precision(&options.device)?;
        let unet = config.unet(dataset.shape(), dataset.num_classes())?;
        config.validate_memory(&unet, &options.device.device)?;
        let schedule = config
            .schedule
            .build()
            .map_err(|error| TrainError::config("schedule", error.to_string()))?;
        let folder = RunFolder::open(&options.out, config, &dataset.sha256())?;
        let states = SavedStates::open(folder.file("state"))?;
        let plan = PlanText::new(config, &unet, dataset.len(), &options.device.device)?;
        let sha256 = dataset.sha256();
        let info = RunInfo::new(&options.device.description, plan, dataset.name(), &sha256);
        let clock = RunClock::start(folder.path(), info);
        let (stages, reported) = (config.stages(), Cell::new(Instant::now()));
        Ok(Self {
            config,
            dataset,
            options,
            folder,
            unet,
            schedule,
            states,
            clock,
            reported,
            stages,
        })
    }

    /// The results, if there is nothing left to do.
    ///
    /// # Errors
    /// [`TrainError::File`] if the summary is damaged.
    pub fn finished(&self) -> Result<Option<Summary>, TrainError> {
        let summary = Summary::read(self.folder.path())?;
        let complete =
            |stage: &Stage| self.folder.has_model(*stage) && self.is_measured(*stage, &summary);
        let finished = self.stages.iter().all(complete);
        Ok(finished.then_some(summary))
    }

    /// The optimiser steps that each stage has left.
    ///
    /// # Errors
    /// [`TrainError::File`] if the saved states cannot be read.
    pub fn left(&self) -> Result<Vec<(Stage, u64)>, TrainError> {
        let left = |&stage: &Stage| {
            let done = match self.folder.has_model(stage) {
                true => u64::MAX,
                false => self.states.newest_step(stage)?,
            };
            Ok((stage, self.config.stage_steps(stage).saturating_sub(done)))
        };
        self.stages.iter().map(left).collect()
    }

    /// Goes on from where the folder says it stopped, to the end.
    ///
    /// # Errors
    /// [`TrainError`]; what was saved before stays.
    pub fn go(&self) -> Result<Outcome, TrainError> {
        if let Some(summary) = self.finished()? {
            return Ok(Outcome::Finished(summary));
        }
        self.report()?;
        let outcome = self.run_stages();
        match &outcome {
            Ok(_) => self.report()?,
            Err(error) => {
                // The error is what matters, also where neither can be written.
                let _ = self.clock.write(Some(with_causes(error)));
                let _ = write_report(self.folder.path());
            }
        }
        outcome
    }

    /// Brings `report/` up to date.
    pub(crate) fn report(&self) -> Result<(), TrainError> {
        self.reported.set(Instant::now());
        self.clock.write(None)?;
        write_report(self.folder.path())?;
        Ok(())
    }

    fn run_stages(&self) -> Result<Outcome, TrainError> {
        self.trust_device()?;
        let (mut summary, mut agreement) = (Summary::read(self.folder.path())?, None);
        for (i, &stage) in self.stages.iter().enumerate() {
            if !self.folder.has_model(stage) {
                let before = i.checked_sub(1).map(|before| self.stages[before]);
                if let Some(step) = self.train(stage, before)? {
                    return Ok(Outcome::Stopped { stage, step });
                }
            }
            if self.options.stop.is_raised() {
                return Ok(Outcome::Stopped { stage, step: self.config.stage_steps(stage) });
            }
            if !self.is_measured(stage, &summary) {
                match self.measure(stage, &mut agreement, &mut summary) {
                    Err(TrainError::Sample(SampleError::Stopped)) => {
                        return Ok(Outcome::StoppedMeasuring);
                    }
                    measured => measured?,
                }
                self.report()?;
            }
        }
        self.states.remove()?;
        Ok(Outcome::Finished(summary))
    }

    /// Trains one stage to its end and writes its model folder, or returns the step it was asked to
    /// stop at.
    fn train(&self, stage: Stage, before: Option<Stage>) -> Result<Option<u64>, TrainError> {
        let recipe = Recipe::new(self.config, stage);
        let teacher = before
            .map(|before| {
                ModelFolder::load(&self.folder.model(before), &self.options.device.device)
            })
            .transpose()?;
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
        let teacher = teacher.map(|teacher| teacher.unet.computing_in(self.config.precision));
        let (unet, teacher) = (&mut learner, teacher.as_ref());
        let stopped = caught(|| {
            std::thread::scope(|scope| {
                let steps = unet.step..recipe.steps;
                let batches = Prefetch::start(scope, self.source(stage, &recipe), steps);
                if self.steps(stage, &recipe, teacher, unet, &mut watch, &batches, &clock)? {
                    return Ok(true);
                }
                watch.finish();
                self.save_model(stage, unet, clock.seconds())?;
                Ok(false)
            })
        });
        let stopped = stopped
            .unwrap_or_else(|panic| Err(TrainError::Device(panic)))
            .map_err(|error| self.interrupted(error, stage, &recipe, learner.step, &watch))?;
        Ok(stopped.then_some(learner.step))
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
            if self.reported.get().elapsed() >= REPORTED_EVERY {
                self.report()?;
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
        batch: &crate::batches::TrainingBatch,
        part: u64,
    ) -> Result<Loss, TrainError> {
        match (stage, teacher) {
            (Stage::Round { num_steps, .. }, Some(teacher)) => {
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
                    teacher.weighting,
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
            labels: self.config.model.class_conditional,
        }
    }

    pub(crate) fn is_last(&self, stage: Stage) -> bool {
        self.stages.last() == Some(&stage)
    }

    pub(crate) fn comparison_path(&self) -> PathBuf {
        self.folder.file("samples/comparison.png")
    }
}

/// An error and what lies beneath it, in one line.
fn with_causes(error: &TrainError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
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
