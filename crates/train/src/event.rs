//! What a run reports while it works.

use halfstep_run::{Metrics, Stage};

use crate::device_check::DeviceCheck;
use crate::error::TrainError;

/// Something that happened in a run. A caller may show it or ignore it; no result depends on it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The device was compared with the CPU, and agrees.
    DeviceAgrees(&'a DeviceCheck),
    /// A saved state is damaged; the state before it is used.
    DamagedState {
        /// What is wrong, with the file's name.
        problem: &'a str,
    },
    /// A stage starts, or continues after `step`.
    StageStarted {
        /// The teacher or a round.
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
    /// A line of metrics was written.
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
        /// Network calls in all; 0 before the first one.
        total: u64,
    },
    /// The images are drawn, or drawing was stopped.
    DrawingEnded,
    /// The report could not be written; the run continues.
    ReportFailed {
        /// Why.
        error: &'a TrainError,
    },
}

/// A function that is told of every [`Event`].
pub type OnEvent<'a> = &'a dyn Fn(Event<'_>);
