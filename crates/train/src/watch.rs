//! Watching a stage learn: the bar, the metrics, divergence.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::config::Config;
use crate::error::TrainError;
use crate::learner::StepStats;
use crate::metrics::{Metrics, MetricsFile};
use crate::progress::{human_time, training_bar};
use crate::recipe::Recipe;
use crate::run_folder::RunFolder;
use crate::stage::Stage;

/// Without a terminal a line is printed this often.
const QUIET_INTERVAL: Duration = Duration::from_secs(30);

pub(crate) struct Watch {
    bar: ProgressBar,
    metrics: MetricsFile,
    stage: Stage,
    every: u64,
    total: u64,
    batch_size: usize,
    pending: Vec<StepStats>,
    read: Vec<[f64; 3]>,
    taken: u64,
    window_start: Instant,
    last_line: Instant,
    silent: bool,
    saved: u64,
}

impl Watch {
    pub fn start(
        folder: &RunFolder,
        stage: Stage,
        recipe: &Recipe<'_>,
        step: u64,
        config: &Config,
        quiet: bool,
    ) -> Result<Self, TrainError> {
        let bar = training_bar(&stage.to_string(), recipe.steps, step, quiet);
        if step > 0 && !quiet {
            bar.suspend(|| eprintln!("{stage}: continuing after step {step} of {}", recipe.steps));
        }
        Ok(Self {
            metrics: MetricsFile::resume(&folder.file("metrics.jsonl"), stage.index(), step)?,
            silent: quiet || !bar.is_hidden(),
            bar,
            stage,
            every: config.log.every,
            total: recipe.steps,
            batch_size: recipe.batch_size,
            pending: Vec::new(),
            read: Vec::new(),
            taken: step,
            window_start: Instant::now(),
            last_line: Instant::now(),
            saved: step,
        })
    }

    /// Notes a step; writes a line when one is due.
    pub fn step(&mut self, stats: StepStats, step: u64, lr: f64) -> Result<(), TrainError> {
        self.pending.push(stats);
        self.taken = step;
        self.bar.set_position(step);
        if step.is_multiple_of(self.every) { self.flush(step, lr) } else { Ok(()) }
    }

    /// Reads what the device still owes, checks it and writes it down.
    pub fn flush(&mut self, step: u64, lr: f64) -> Result<(), TrainError> {
        self.check()?;
        let count = self.read.len();
        if count == 0 {
            return Ok(());
        }
        let mean = |which: usize| self.read.iter().map(|v| v[which]).sum::<f64>() / count as f64;
        let (loss, mse, grad_norm) = (mean(0), mean(1), mean(2));
        self.read.clear();
        let seconds = self.window_start.elapsed().as_secs_f64();
        self.window_start = Instant::now();
        let images_per_second = (count * self.batch_size) as f64 / seconds.max(1e-9);
        let num_steps = match self.stage {
            Stage::Teacher => 0,
            Stage::Round { num_steps, .. } => num_steps,
        };
        let stage = self.stage.index();
        self.metrics.write(&Metrics {
            stage,
            num_steps,
            step,
            loss,
            mse,
            grad_norm,
            lr,
            images_per_second,
        })?;
        self.bar.set_message(format!("loss {loss:.4}"));
        self.line(step, loss, images_per_second);
        Ok(())
    }

    /// Reads what the device still owes and refuses what is not finite, without writing a line.
    pub fn check(&mut self) -> Result<(), TrainError> {
        let first = self.taken + 1 - self.pending.len() as u64;
        let pending = std::mem::take(&mut self.pending);
        for (i, values) in StepStats::read_all(pending)?.into_iter().enumerate() {
            if values.iter().any(|value| !value.is_finite()) {
                let (stage, saved) = (self.stage.to_string(), self.saved);
                return Err(TrainError::Diverged { stage, step: first + i as u64, saved });
            }
            self.read.push(values);
        }
        Ok(())
    }

    /// For logs: a line now and then where there is no bar.
    fn line(&mut self, step: u64, loss: f64, rate: f64) {
        if self.silent || (self.last_line.elapsed() < QUIET_INTERVAL && step < self.total) {
            return;
        }
        self.last_line = Instant::now();
        let left = (self.total - step) as f64 * self.batch_size as f64 / rate;
        let (stage, total) = (self.stage, self.total);
        eprintln!(
            "{stage}: step {step} of {total}, loss {loss:.4}, {rate:.1} images/s, {} left",
            human_time(left)
        );
    }

    /// What was read since the last line.
    pub fn window(&self) -> &[[f64; 3]] {
        &self.read
    }

    /// Goes on with what a saved state had read since its last line.
    pub fn continue_window(&mut self, window: Vec<[f64; 3]>) {
        self.read = window;
    }

    /// The state of this step is safe.
    pub fn saved(&mut self, step: u64) {
        self.saved = step;
    }

    pub fn finish(&self) {
        self.bar.finish();
    }
}

/// Mean weighted loss over the last tenth of a stage, from the metrics; `None` if they are gone.
pub(crate) fn final_loss(folder: &RunFolder, stage: Stage, steps: u64) -> Option<f64> {
    let text = std::fs::read_to_string(folder.file("metrics.jsonl")).ok()?;
    let losses: Vec<f64> = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Metrics>(line).ok())
        .filter(|line| line.stage == stage.index() && line.step as f64 > steps as f64 * 0.9)
        .map(|line| line.loss)
        .collect();
    (!losses.is_empty()).then(|| losses.iter().sum::<f64>() / losses.len() as f64)
}
