//! `report/index.html`: what a run is, where it is and what it reached, as one file that needs no
//! other; and TensorBoard's event files.
//!
//! ```text
//! ReportData -> page: state, results, pictures, nearest, facts      -> HTML
//!            -> log:  agreement, losses, levels, health -> chart on a canvas -> SVG in it
//! ```

mod agreement;
mod axis;
mod canvas;
mod chart;
mod curve;
mod date;
mod facts;
mod figure;
mod gather;
mod health;
mod ink;
mod levels;
mod log;
mod losses;
mod nearest;
pub(crate) mod number;
mod page;
mod pictures;
mod results;
mod state;
mod sweep;
pub(crate) mod tensorboard;
#[cfg(test)]
mod tests;

pub use gather::write_report;

use date::utc;
use page::html;

use crate::metrics::Metrics;
use crate::summary::RoundResult;
use crate::sweep::Sweep;

/// All that the page shows. Nothing of it is trusted to be there, finite, or free of markup.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReportData {
    /// The run's name.
    pub name: String,
    /// When the page was written, as [`utc`] says it. A page that says "running" may outlive its run.
    pub written: String,
    /// The run has done all it was to do. Otherwise the page says so and loads itself again.
    pub finished: bool,
    /// The run was asked to stop, and did.
    pub stopped: bool,
    /// The error that the run stopped with.
    pub problem: Option<String>,
    /// What -> how: `network`, `teacher`, `rounds`, ...
    pub plan: Vec<(String, String)>,
    /// The teacher, then the rounds.
    pub stages: Vec<StageProgress>,
    /// In the order they were written.
    pub metrics: Vec<Metrics>,
    /// A row a finished stage.
    pub summary: Vec<RoundResult>,
    /// Quality against steps, once `eval --sweep` has measured it.
    pub sweep: Option<Sweep>,
    /// Images of every model from the same noises.
    pub rows: Vec<Row>,
    /// How samples changed while a stage learned.
    pub previews: Vec<Preview>,
    /// Samples beside the training images that are most like them.
    pub nearest: Option<Nearest>,
    /// Device, time, memory, versions, dataset, seed, ...
    pub facts: Vec<(String, String)>,
    /// The resolved configuration, TOML.
    pub config: String,
    /// What it does -> shell command.
    pub commands: Vec<(String, String)>,
}

/// How far a stage is.
#[derive(Clone, Debug)]
pub(crate) struct StageProgress {
    /// `teacher`, `student 32`.
    pub label: String,
    /// Sampling steps of what it makes.
    pub num_steps: usize,
    /// Optimiser steps taken.
    pub done: u64,
    /// Optimiser steps in all.
    pub total: u64,
    /// Seconds of learning, if known.
    pub seconds: Option<f64>,
    /// Whether it is over, under way or to come.
    pub state: StageState,
}

/// Whether a stage is over, under way or to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StageState {
    /// Its model is there.
    Done,
    /// It is learning.
    Running,
    /// It has not begun.
    Waiting,
}

/// A row of images, one from each start noise.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// `teacher, 64 steps`.
    pub label: String,
    /// What else is to be said of it; may be empty.
    pub note: String,
    /// The picture.
    pub png: Vec<u8>,
}

/// A grid of samples drawn while a stage learned.
#[derive(Clone, Debug)]
pub(crate) struct Preview {
    /// The stage: `teacher`, `student 32`.
    pub label: String,
    /// Optimiser steps taken in the stage.
    pub step: u64,
    /// The picture.
    pub png: Vec<u8>,
}

/// Samples and the training images nearest to them.
#[derive(Clone, Debug)]
pub(crate) struct Nearest {
    /// Two rows: samples above, their nearest training images below.
    pub png: Vec<u8>,
    /// From each sample to its nearest training image.
    pub distances: Vec<f64>,
    /// Median distance from a training image to the nearest other one.
    pub typical: Option<f64>,
    /// By what they are nearest: `root mean squared difference of pixels in [-1, 1]`.
    pub metric: String,
}
