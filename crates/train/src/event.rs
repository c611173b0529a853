//! The events of a run: what a caller can show while the run works.

use halfstep_run::{Metrics, Stage};

use crate::device_check::DeviceCheck;
use crate::error::TrainError;

/// Something that happened in a run. A caller can show it or ignore it; no result depends on that.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The device was compared with the CPU, and the results agree.
    DeviceAgrees(&'a DeviceCheck),
    /// A saved state is damaged; the run uses the previous one.
    DamagedState {
        /// What is wrong, including the file's name.
        problem: &'a str,
    },
    /// A stage starts at step 0, or continues after `step`.
    StageStarted {
        /// The teacher or a student.
        stage: Stage,
        /// Optimiser steps taken so far.
        step: u64,
        /// Optimiser steps of the stage.
        total: u64,
    },
    /// An optimiser step was taken.
    StepTaken {
        /// Optimiser steps taken so far.
        step: u64,
    },
    /// A line was written to `metrics.jsonl`.
    MetricsWritten {
        /// The line.
        line: &'a Metrics,
        /// Images per optimiser step.
        batch_size: usize,
    },
    /// The last step of a stage was taken.
    StageEnded,
    /// Images are being drawn, for a preview or a measurement.
    Drawing {
        /// Whose images, such as `preview of teacher`.
        label: &'a str,
        /// Network calls made so far.
        calls: u64,
        /// Total number of network calls; 0 before the first call.
        total: u64,
    },
    /// Drawing has ended, with all images or because it was stopped.
    DrawingEnded,
    /// The report could not be written; the run continues.
    ReportFailed {
        /// The reason.
        error: &'a TrainError,
    },
}

/// A function that receives every [`Event`] of a run.
pub type OnEvent<'a> = &'a dyn Fn(Event<'_>);
