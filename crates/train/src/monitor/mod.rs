//! Monitors a stage in training: averages and writes metrics, and stops a stage that diverges.

pub(crate) mod levels;
pub(crate) mod window;

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use burn::tensor::Tensor;
use halfstep_model::UNet;
use halfstep_report::StageEvents;
use halfstep_run::layout::METRICS;
use halfstep_run::{Metrics, MetricsFile, Stage, read_metrics};

use self::window::Window;
use crate::error::TrainError;
use crate::event::{Event, OnEvent};
use crate::learner::step_stats::{StepNumbers, StepStats};
use crate::learner::{Learner, NonFinite};
use crate::run::context::RunContext;
use crate::run::folder::RunFolder;
use crate::stage::recipe::Recipe;

/// A stage ends with an error after this many skipped steps in a row, because the network no longer improves.
const MOST_SKIPPED: u64 = 100;

/// Reads the numbers of the steps, writes metrics, and fails if the stage diverges.
pub(crate) struct Monitor<'a> {
    on_event: OnEvent<'a>,
    metrics: MetricsFile,
    tensorboard: Option<StageEvents>,
    stage: Stage,
    every: u64,
    batch_size: usize,
    non_finite: NonFinite,
    pending: Vec<StepStats>,
    window: Window,
    taken: u64,
    window_start: Instant,
    /// The step of the last line of metrics, or the step at which this process started.
    line_at: u64,
    saved: u64,
}

impl<'a> Monitor<'a> {
    /// Starts a stage, or continues it after `step` with the window that was saved with that step.
    pub fn start(
        run: &RunContext<'a>,
        stage: Stage,
        recipe: &Recipe<'_>,
        step: u64,
        window: Window,
    ) -> Result<Self, TrainError> {
        let on_event = run.options.on_event;
        on_event(Event::StageStarted { stage, step, total: recipe.steps });
        // The last line of a stage may cover less than a full window. If the process died after that line and
        // before the end of the stage, the saved window still contains the line's steps, and the line is
        // written again.
        let written = step.saturating_sub(window.steps());
        let metrics = MetricsFile::resume(&run.folder.file(METRICS), stage.index(), written)?;
        let tensorboard = run.config.log.tensorboard;
        let tensorboard =
            tensorboard.then(|| StageEvents::begin(run.folder.path(), stage, written));
        Ok(Self {
            on_event,
            metrics,
            tensorboard: tensorboard.transpose()?,
            stage,
            every: run.config.log.every,
            batch_size: recipe.batch_size,
            non_finite: recipe.non_finite,
            pending: Vec::new(),
            window,
            taken: step,
            window_start: Instant::now(),
            line_at: step,
            saved: step,
        })
    }

    /// Records a step, and writes a line of metrics if one is due.
    pub fn step(
        &mut self,
        stats: StepStats,
        learner: &Learner<UNet>,
        lr: f64,
    ) -> Result<(), TrainError> {
        self.pending.push(stats);
        self.taken = learner.step;
        (self.on_event)(Event::StepTaken { step: learner.step });
        if learner.step.is_multiple_of(self.every) { self.flush(learner, lr) } else { Ok(()) }
    }

    /// Reads and checks the steps whose numbers are still on the device, and writes a line of metrics.
    fn flush(&mut self, learner: &Learner<UNet>, lr: f64) -> Result<(), TrainError> {
        self.check()?;
        // If every step was skipped, there are no means yet: a later line reports the skipped steps.
        let Some(means) = self.window.means() else { return Ok(()) };
        let seconds = self.window_start.elapsed().as_secs_f64();
        let images_per_second =
            ((self.taken - self.line_at) * self.batch_size as u64) as f64 / seconds.max(1e-9);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let line = Metrics {
            stage: self.stage.index(),
            num_steps: self.stage.num_steps().unwrap_or(0),
            step: learner.step,
            loss: means.loss,
            mse: means.mse,
            grad_norm: means.grad_norm,
            lr,
            skipped: self.window.skipped,
            ema_distance: learner.ema_distance().map(read).transpose()?,
            levels: means.levels,
            images_per_second,
            time: now.as_secs_f64(),
        };
        self.window.clear();
        (self.window_start, self.line_at) = (Instant::now(), self.taken);
        self.metrics.write(&line)?;
        if let Some(tensorboard) = &mut self.tensorboard {
            tensorboard.write(&line)?;
        }
        (self.on_event)(Event::MetricsWritten { line: &line, batch_size: self.batch_size });
        Ok(())
    }

    /// Reads the steps whose numbers are still on the device, and fails if one is not finite. Writes no line.
    pub fn check(&mut self) -> Result<(), TrainError> {
        let first = self.taken + 1 - self.pending.len() as u64;
        let pending = std::mem::take(&mut self.pending);
        for (step, numbers) in (first..).zip(StepStats::read_all(pending)?) {
            let numbers = self.counted_as(numbers);
            let finite =
                !numbers.taken || numbers.loss.is_finite() && numbers.grad_norm.is_finite();
            self.window.add(&numbers);
            if !finite || self.window.skipped_in_a_row >= MOST_SKIPPED {
                let (stage, saved) = (self.stage.to_string(), self.saved);
                let skipped = self.window.skipped_in_a_row;
                let images = Vec::new();
                return Err(TrainError::Diverged { stage, step, saved, skipped, images });
            }
        }
        Ok(())
    }

    /// The step as it counts for the user. An overflow of the loss scale is normal and stays a skipped step. A
    /// step that is not finite for another reason counts as taken under [`NonFinite::Stop`], so that
    /// [`check`](Self::check) fails.
    fn counted_as(&self, numbers: StepNumbers) -> StepNumbers {
        let finite = numbers.loss.is_finite() && numbers.grad_norm.is_finite();
        let taken = match self.non_finite {
            NonFinite::Skip => numbers.taken,
            NonFinite::Stop => numbers.taken || !finite,
        };
        StepNumbers { taken, ..numbers }
    }

    /// The steps since the last line of metrics.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// The last step whose state was saved.
    pub fn last_saved(&self) -> u64 {
        self.saved
    }

    /// Records that the state of `step` was saved.
    pub fn saved(&mut self, step: u64) {
        self.saved = step;
    }

    /// Writes the last line of metrics and ends the stage.
    pub fn finish(&mut self, learner: &Learner<UNet>, lr: f64) -> Result<(), TrainError> {
        self.flush(learner, lr)?;
        (self.on_event)(Event::StageEnded);
        Ok(())
    }
}

/// A single number from the device.
fn read(value: Tensor<1>) -> Result<f64, TrainError> {
    let data = value.try_into_data().map_err(TrainError::device)?;
    Ok(data.iter::<f64>().sum())
}

/// The mean weighted loss over the last tenth of a stage, from the metrics; `None` if the file is missing.
pub(crate) fn final_loss(folder: &RunFolder, stage: Stage, steps: u64) -> Option<f64> {
    let lines = read_metrics(&folder.file("metrics.jsonl")).ok()?;
    let losses: Vec<f64> = lines
        .iter()
        .filter(|line| line.stage == stage.index() && line.step as f64 > steps as f64 * 0.9)
        .map(|line| line.loss)
        .collect();
    (!losses.is_empty()).then(|| losses.iter().sum::<f64>() / losses.len() as f64)
}
