//! What the page shows.

use halfstep_run::{Metrics, RoundResult, Sweep};

/// Everything the page shows. Any of it may be missing, not finite, or contain markup.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReportData {
    /// The run's name.
    pub name: String,
    /// When the page was written, as [`utc`](crate::date::utc) formats it. A page may outlive its run and still call it
    /// running.
    pub written: String,
    /// Whether the run has done everything. Until then the page says so and reloads.
    pub finished: bool,
    /// Whether the run was stopped on request.
    pub stopped: bool,
    /// The error that ended the run.
    pub problem: Option<String>,
    /// The plan, name and value: `network`, `teacher`, `rounds`, ...
    pub plan: Vec<(String, String)>,
    /// The teacher, then the rounds.
    pub stages: Vec<StageProgress>,
    /// In the order they were written.
    pub metrics: Vec<Metrics>,
    /// One row per finished stage.
    pub summary: Vec<RoundResult>,
    /// Quality against sampling steps, once it was measured.
    pub sweep: Option<Sweep>,
    /// Images of every model from the same noise.
    pub rows: Vec<ImageRow>,
    /// Samples drawn while a stage learned.
    pub previews: Vec<PreviewImage>,
    /// Samples beside the training images nearest to them.
    pub nearest: Option<NearestImages>,
    /// Name and value: device, time, memory, versions, dataset, seed, ...
    pub facts: Vec<(String, String)>,
    /// Every setting of the run, as TOML.
    pub config: String,
    /// Purpose and shell command.
    pub commands: Vec<(String, String)>,
}

/// How far a stage is.
#[derive(Clone, Debug)]
pub(crate) struct StageProgress {
    /// `teacher`, `student 32`.
    pub label: String,
    /// Sampling steps of its model.
    pub num_steps: usize,
    /// Optimiser steps taken.
    pub done: u64,
    /// Optimiser steps in total.
    pub total: u64,
    /// Seconds of training, if known.
    pub seconds: Option<f64>,
    /// Whether it is over, under way or to come.
    pub state: StageState,
}

/// Whether a stage is over, under way or to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StageState {
    /// Its model is complete.
    Done,
    /// It is training.
    Running,
    /// It has not begun.
    Waiting,
}

/// A row of images, each from a start noise of its own.
#[derive(Clone, Debug)]
pub(crate) struct ImageRow {
    /// `teacher, 64 steps`.
    pub label: String,
    /// A remark; may be empty.
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
    /// The distance of each sample to its nearest training image.
    pub distances: Vec<f64>,
    /// The median distance of a training image to the nearest other one.
    pub typical: Option<f64>,
    /// The distance in words: `root mean squared difference of pixels in [-1, 1]`.
    pub metric: String,
}
