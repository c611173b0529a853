//! Watching a stage learn: the bar, the metrics, divergence.

pub(crate) mod levels;
pub(crate) mod window;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use burn::tensor::Tensor;
use halfstep_report::StageEvents;
use halfstep_run::{Metrics, MetricsFile, Stage, human_time, read_metrics};
use indicatif::ProgressBar;

use crate::config::Config;
use crate::error::TrainError;
use crate::learner::step_stats::{StepNumbers, StepStats};
use crate::learner::{Learner, NonFinite};
use crate::monitor::window::Window;
use crate::progress::training_bar;
use crate::run_folder::RunFolder;
use crate::stage_train::recipe::Recipe;

/// Without a terminal a line is printed this often.
const QUIET_INTERVAL: Duration = Duration::from_secs(30);

/// So many steps skipped in a row are no accident: nothing is learned any more.
const MOST_SKIPPED: u64 = 100;

pub(crate) struct Watch {
    bar: ProgressBar,
    metrics: MetricsFile,
    events: Option<StageEvents>,
    stage: Stage,
    every: u64,
    total: u64,
    batch_size: usize,
    non_finite: NonFinite,
    pending: Vec<StepStats>,
    window: Window,
    taken: u64,
    window_start: Instant,
    /// The step of the last line, or the one this process began at.
    line_at: u64,
    last_line: Instant,
    silent: bool,
    saved: u64,
}

impl Watch {
    /// Begins, or goes on after `step` with the window that was saved with it.
    pub fn start(
        folder: &RunFolder,
        stage: Stage,
        recipe: &Recipe<'_>,
        step: u64,
        window: Window,
        config: &Config,
        quiet: bool,
    ) -> Result<Self, TrainError> {
        let bar = training_bar(&stage.to_string(), recipe.steps, step, quiet);
        if step > 0 && !quiet {
            bar.suspend(|| {
                halfstep_sample::say!("{stage}: continuing after step {step} of {}", recipe.steps)
            });
        }
        // The last line of a stage covers less than a full window. If the process died after it and
        // before the stage's end, the saved window still has its steps: it is written again.
        let written = step.saturating_sub(window.steps());
        let metrics = MetricsFile::resume(&folder.file("metrics.jsonl"), stage.index(), written)?;
        let events =
            (config.log.tensorboard).then(|| StageEvents::begin(folder.path(), stage, written));
        Ok(Self {
            metrics,
            events: events.transpose()?,
            silent: quiet || !bar.is_hidden(),
            bar,
            stage,
            every: config.log.every,
            total: recipe.steps,
            batch_size: recipe.batch_size,
            non_finite: recipe.non_finite,
            pending: Vec::new(),
            window,
            taken: step,
            window_start: Instant::now(),
            line_at: step,
            last_line: Instant::now(),
            saved: step,
        })
    }

    /// Notes a step; writes a line when one is due.
    pub fn step(&mut self, stats: StepStats, learner: &Learner, lr: f64) -> Result<(), TrainError> {
        self.pending.push(stats);
        self.taken = learner.step;
        self.bar.set_position(learner.step);
        if learner.step.is_multiple_of(self.every) { self.flush(learner, lr) } else { Ok(()) }
    }

    /// Reads what the device still owes, checks it and writes it down.
    pub fn flush(&mut self, learner: &Learner, lr: f64) -> Result<(), TrainError> {
        self.check()?;
        // Without a single update there is nothing to tell yet but how many were left out.
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
        if let Some(events) = &mut self.events {
            events.write(&line)?;
        }
        self.bar.set_message(format!("loss {:.4}", line.loss));
        self.line(learner.step, line.loss, images_per_second);
        Ok(())
    }

    /// Reads what the device still owes and refuses what is not finite, without writing a line.
    pub fn check(&mut self) -> Result<(), TrainError> {
        let first = self.taken + 1 - self.pending.len() as u64;
        let pending = std::mem::take(&mut self.pending);
        for (step, numbers) in (first..).zip(StepStats::read_all(pending)?) {
            let numbers = self.judged(numbers);
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

    /// A step that was left out because of the loss scale is none of the user's business, unless no
    /// scale explains it: then it counts as taken, and as not finite.
    fn judged(&self, numbers: StepNumbers) -> StepNumbers {
        let finite = numbers.loss.is_finite() && numbers.grad_norm.is_finite();
        let taken = match self.non_finite {
            NonFinite::Skip => numbers.taken,
            NonFinite::Stop => numbers.taken || !finite,
        };
        StepNumbers { taken, ..numbers }
    }

    /// For logs: a line now and then where there is no bar.
    fn line(&mut self, step: u64, loss: f64, rate: f64) {
        if self.silent || (self.last_line.elapsed() < QUIET_INTERVAL && step < self.total) {
            return;
        }
        self.last_line = Instant::now();
        let left = (self.total - step) as f64 * self.batch_size as f64 / rate;
        let (stage, total) = (self.stage, self.total);
        halfstep_sample::say!(
            "{stage}: step {step} of {total}, loss {loss:.4}, {rate:.1} images/s, {} left",
            human_time(left)
        );
    }

    /// What was read since the last line.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// The last step whose state is safe.
    pub fn last_saved(&self) -> u64 {
        self.saved
    }

    /// The state of this step is safe.
    pub fn saved(&mut self, step: u64) {
        self.saved = step;
    }

    pub fn finish(&self) {
        self.bar.finish();
    }
}

/// A single number from the device.
fn read(value: Tensor<1>) -> Result<f64, TrainError> {
    let data = value.try_into_data().map_err(TrainError::device)?;
    Ok(data.iter::<f64>().sum())
}

/// Mean weighted loss over the last tenth of a stage, from the metrics; `None` if they are gone.
pub(crate) fn final_loss(folder: &RunFolder, stage: Stage, steps: u64) -> Option<f64> {
    let lines = read_metrics(&folder.file("metrics.jsonl")).ok()?;
    let losses: Vec<f64> = lines
        .iter()
        .filter(|line| line.stage == stage.index() && line.step as f64 > steps as f64 * 0.9)
        .map(|line| line.loss)
        .collect();
    (!losses.is_empty()).then(|| losses.iter().sum::<f64>() / losses.len() as f64)
}
