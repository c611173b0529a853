//! What the page shows.

use halfstep_run::{Metrics, RoundResult, Sweep};

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
    pub rows: Vec<ImageRow>,
    /// How samples changed while a stage learned.
    pub previews: Vec<PreviewImage>,
    /// Samples beside the training images that are most like them.
    pub nearest: Option<NearestImages>,
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
pub(crate) struct ImageRow {
    /// `teacher, 64 steps`.
    pub label: String,
    /// What else is to be said of it; may be empty.
    pub note: String,
    /// The picture.
    pub png: Vec<u8>,
}

/// A grid of samples drawn while a stage learned.
#[derive(Clone, Debug)]
pub(crate) struct PreviewImage {
    /// The stage: `teacher`, `student 32`.
    pub label: String,
    /// Optimiser steps taken in the stage.
    pub step: u64,
    /// The picture.
    pub png: Vec<u8>,
}

/// Samples and the training images nearest to them.
#[derive(Clone, Debug)]
pub(crate) struct NearestImages {
    /// Two rows: samples above, their nearest training images below.
    pub png: Vec<u8>,
    /// From each sample to its nearest training image.
    pub distances: Vec<f64>,
    /// Median distance from a training image to the nearest other one.
    pub typical: Option<f64>,
    /// By what they are nearest: `root mean squared difference of pixels in [-1, 1]`.
    pub metric: String,
}
