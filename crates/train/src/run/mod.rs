//! A whole run: every stage in turn, continuing from the state in the run folder.

pub(crate) mod context;
pub(crate) mod folder;
mod version;

use halfstep_core::caught;
use halfstep_data::ImageSource;
use halfstep_model::DeviceBackend;
use halfstep_run::{RunInfo, RunStatus, Stage, Summary};
use halfstep_sample::SampleError;

use self::context::RunContext;
pub use self::context::RunOptions;
use crate::config::job::Job;
use crate::device_check::DeviceCheck;
use crate::error::TrainError;
use crate::evaluate::measure::Measuring;
use crate::event::Event;
use crate::plan::left::{StageLeft, is_measured, left_of};
use crate::stage::train::{StageEnd, train_stage};

/// Training steps of the check before a run, for devices that must be checked.
const GATE_STEPS: u64 = 3;

/// How a run ended.
#[derive(Clone, Debug)]
pub enum RunEnd {
    /// All models are trained and measured.
    Finished(Summary),
    /// The run was stopped on request; the state after `step` is saved.
    Stopped {
        /// The stage that was training.
        stage: Stage,
        /// Optimiser steps taken in that stage.
        step: u64,
    },
    /// The run was stopped on request while a trained model was measured.
    StoppedMeasuring,
}

/// A run: a job, its images, and its locked run folder.
pub struct Run<'a> {
    context: RunContext<'a>,
}

impl<'a> Run<'a> {
    /// Checks the configuration, the images, the device and the memory, then opens or creates the run folder.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the setting; [`TrainError::RunFolder`] or [`TrainError::File`] if the
    /// folder cannot be used. Nothing is written if the configuration is refused.
    pub fn open(
        job: &'a Job,
        images: &'a dyn ImageSource,
        options: &'a RunOptions<'a>,
    ) -> Result<Self, TrainError> {
        Ok(Self { context: RunContext::open(job, images, options)? })
    }

    /// The results, if every stage is trained and measured; otherwise `None`. Removes the saved states of a
    /// finished run.
    ///
    /// # Errors
    /// [`TrainError::File`] if the summary is damaged.
    pub fn finished(&self) -> Result<Option<Summary>, TrainError> {
        let summary = Summary::read(self.context.folder.path())?;
        if !self.left()?.iter().all(StageLeft::is_done) {
            return Ok(None);
        }
        // A run that was killed after its last measurement has not done this yet.
        self.context.states.remove()?;
        let info = RunInfo::read(self.context.folder.path());
        if info.is_none_or(|info| info.status != RunStatus::Finished) {
            self.context.report(RunStatus::Finished);
        }
        Ok(Some(summary))
    }

    /// The remaining work of each stage.
    ///
    /// # Errors
    /// [`TrainError::File`] if the saved states cannot be read, or the summary is damaged.
    pub fn left(&self) -> Result<Vec<StageLeft>, TrainError> {
        left_of(self.context.config, self.context.folder.path())
    }

    /// Trains and measures every remaining stage, continuing from the saved state.
    ///
    /// # Errors
    /// Any [`TrainError`]. Saved states and finished models stay, and [`Run::train`] can continue from them.
    pub fn train(&self) -> Result<RunEnd, TrainError> {
        self.context.report(RunStatus::Running);
        let end = self.stages();
        match &end {
            Ok(RunEnd::Finished(_)) => self.context.report(RunStatus::Finished),
            Ok(_) => self.context.report(RunStatus::Stopped),
            // The error of the run matters more than an error of the report.
            Err(error) => drop(self.context.write_report(RunStatus::Failed(error.with_causes()))),
        }
        end
    }

    fn stages(&self) -> Result<RunEnd, TrainError> {
        require_agreement(&self.context)?;
        let mut summary = Summary::read(self.context.folder.path())?;
        let mut measuring = Measuring::new(&self.context);
        let mut previous = None;
        for &stage in &self.context.config.stages {
            if !self.context.folder.has_model(stage)
                && let StageEnd::Stopped { step } = train_stage(&self.context, stage, previous)?
            {
                return Ok(RunEnd::Stopped { stage, step });
            }
            if self.context.options.stop.is_raised() {
                return Ok(RunEnd::Stopped { stage, step: self.context.config.stage_steps(stage) });
            }
            if !is_measured(self.context.config, self.context.folder.path(), stage, &summary) {
                let measured = caught(|| measuring.measure(stage, &mut summary));
                match measured.unwrap_or_else(|panic| Err(TrainError::Device(panic))) {
                    Ok(()) => {}
                    Err(TrainError::Sample(SampleError::Stopped)) => {
                        return Ok(RunEnd::StoppedMeasuring);
                    }
                    Err(error) => {
                        let (stage, source) = (stage.to_string(), Box::new(error));
                        return Err(TrainError::Measuring { stage, source });
                    }
                }
                self.context.report(RunStatus::Running);
            }
            previous = Some(stage);
        }
        self.context.states.remove()?;
        Ok(RunEnd::Finished(summary))
    }
}

/// Fails if the run's device [must be checked](halfstep_model::SelectedDevice::must_be_checked) and disagrees
/// with the CPU.
fn require_agreement(run: &RunContext<'_>) -> Result<(), TrainError> {
    let device = &run.options.device;
    if !device.must_be_checked() {
        return Ok(());
    }
    if !DeviceBackend::Cpu.is_compiled() {
        return Err(TrainError::Unchecked(device.description.clone()));
    }
    let check = DeviceCheck::run(run.config, &run.network, device, GATE_STEPS)?;
    if !check.passed() {
        return Err(TrainError::Disagrees(check.conclusion()));
    }
    (run.options.on_event)(Event::DeviceAgrees(&check));
    Ok(())
}
