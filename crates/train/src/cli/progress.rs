//! Shows the progress of a run: a bar on a terminal, lines in a log.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use halfstep_run::{Stage, human_time};
use halfstep_terminal::{ProgressLine, bar_style, say};
use indicatif::ProgressBar;

use crate::event::Event;

/// The time between two lines of progress where there is no terminal.
const QUIET_INTERVAL: Duration = Duration::from_secs(30);

/// Shows the events of a run.
pub(super) struct RunProgress {
    quiet: bool,
    stage: RefCell<Option<StageProgress>>,
    drawing: RefCell<Option<ProgressLine>>,
}

impl RunProgress {
    /// With `quiet`, only problems are shown.
    pub fn new(quiet: bool) -> Self {
        Self { quiet, stage: RefCell::new(None), drawing: RefCell::new(None) }
    }

    /// Shows an event.
    pub fn show(&self, event: Event<'_>) {
        match event {
            // Problems are always shown: the user may want to act on them.
            Event::DamagedState { problem } => {
                say!("note: {problem}; using the previous saved state");
            }
            Event::ReportFailed { error } => {
                say!("note: the report was not written: {}", error.with_causes());
            }
            _ if self.quiet => {}
            Event::DeviceAgrees(check) => say!("{}", check.conclusion()),
            Event::StageStarted { stage, step, total } => {
                *self.stage.borrow_mut() = Some(StageProgress::new(stage, step, total));
            }
            Event::StepTaken { step } => {
                if let Some(stage) = &*self.stage.borrow() {
                    stage.bar.set_position(step);
                }
            }
            Event::MetricsWritten { line, batch_size } => {
                if let Some(stage) = &mut *self.stage.borrow_mut() {
                    let rate = line.images_per_second;
                    stage.metrics(line.step, line.loss, rate, batch_size);
                }
            }
            Event::StageEnded => {
                if let Some(stage) = self.stage.borrow_mut().take() {
                    stage.bar.finish();
                }
            }
            Event::Drawing { label, calls, total } => {
                let mut drawing = self.drawing.borrow_mut();
                let line = || ProgressLine::labelled(label, "network calls");
                drawing.get_or_insert_with(line).show(calls, total);
            }
            Event::DrawingEnded => drop(self.drawing.borrow_mut().take()),
        }
    }
}

/// The progress of a stage: a bar on a terminal, elsewhere a line every [`QUIET_INTERVAL`].
struct StageProgress {
    stage: Stage,
    total: u64,
    bar: ProgressBar,
    last_line: Instant,
}

impl StageProgress {
    fn new(stage: Stage, step: u64, total: u64) -> Self {
        let template = "{prefix:12} {bar:30} {pos}/{len} {things}  {rate}  {eta} left  {msg}";
        let bar = ProgressBar::new(total).with_style(bar_style(template, "steps"));
        let bar = bar.with_prefix(stage.to_string()).with_position(step);
        bar.reset_eta();
        if step > 0 {
            bar.suspend(|| say!("{stage}: continuing after step {step} of {total}"));
        }
        Self { stage, total, bar, last_line: Instant::now() }
    }

    fn metrics(&mut self, step: u64, loss: f64, rate: f64, batch_size: usize) {
        self.bar.set_message(format!("loss {loss:.4}"));
        let is_due = self.last_line.elapsed() >= QUIET_INTERVAL || step >= self.total;
        if !self.bar.is_hidden() || !is_due {
            return;
        }
        self.last_line = Instant::now();
        let left = human_time((self.total - step) as f64 * batch_size as f64 / rate);
        let (stage, total) = (self.stage, self.total);
        say!("{stage}: step {step} of {total}, loss {loss:.4}, {rate:.1} images/s, {left} left");
    }
}
