//! The whole run: every stage in turn, from where the folder says it stopped.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use halfstep_core::DiscreteSchedule;
use halfstep_data::{Dataset, list_classes};
use halfstep_model::{ClassInput, SelectedDevice, UNetConfig};
use halfstep_report::write_report;
use halfstep_run::layout::DATASET;
use halfstep_run::{RunClock, RunInfo, RunStatus, Stage, Summary};
use halfstep_sample::{SampleError, StopFlag, caught};

use crate::config::Config;
use crate::config::pretrained::Original;
use crate::error::TrainError;
use crate::evaluate::measure::is_measured;
use crate::plan::left::{StageLeft, left_of};
use crate::plan::plan_text;
use crate::run_folder::RunFolder;
use crate::run_info::program;
use crate::stage_train::saved_states::SavedStates;

/// While a stage learns, the report is brought up to date this often.
const REPORTED_EVERY: Duration = Duration::from_secs(30);

/// Where and how to run; nothing here changes results on the CPU.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The run folder.
    pub out: PathBuf,
    /// What to compute on.
    pub device: SelectedDevice,
    /// Without progress bars.
    pub quiet: bool,
    /// When raised, the run saves its state and returns.
    pub stop: StopFlag,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Everything is there.
    Finished(Summary),
    /// Asked to stop; the state of `step` is saved.
    Stopped {
        /// The part it was in.
        stage: Stage,
        /// Optimiser steps taken in it.
        step: u64,
    },
    /// Asked to stop while a finished model was measured.
    StoppedMeasuring,
}

/// A run: a configuration, its images, its folder.
pub struct Run<'a> {
    pub(crate) config: &'a Config,
    pub(crate) dataset: &'a Dataset,
    pub(crate) options: &'a RunOptions,
    pub(crate) folder: RunFolder,
    pub(crate) unet: UNetConfig,
    pub(crate) schedule: DiscreteSchedule,
    /// The teacher that was trained elsewhere, if it was.
    pub(crate) original: Option<Arc<Original>>,
    pub(crate) states: SavedStates,
    clock: RunClock,
    reported: Cell<Instant>,
    stages: Vec<Stage>,
}

impl<'a> Run<'a> {
    /// Checks everything that can be checked, then opens or makes the run folder.
    ///
    /// # Errors
    /// [`TrainError`] naming the field, or saying why the folder cannot be used. Nothing is written
    /// for a configuration that is refused.
    pub fn open(
        config: &'a Config,
        dataset: &'a Dataset,
        options: &'a RunOptions,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        config.validate_place(&options.out)?;
        config.validate_flip(dataset.allows_flip(), dataset.name())?;
        config.validate_classes(dataset.class_names())?;
        config.validate_precision(&options.device)?;
        let unet = config.unet(dataset.shape(), dataset.num_classes())?;
        config.validate_memory(&unet, &options.device.device)?;
        let schedule = config.noise_schedule()?;
        let original = config.original()?;
        let original_sha256 =
            original.as_ref().map(|original| original.outline.sha256()).transpose()?;
        let sha256 = dataset.sha256();
        refuse_earlier_order(&options.out, dataset, sha256)?;
        let folder = RunFolder::open(&options.out, config, sha256, original_sha256.as_deref())?;
        let states = SavedStates::open(folder.file("state"))?;
        let plan = plan_text(config, &unet, &dataset.outline(), &options.device.device)?;
        let info =
            RunInfo::new(&program(), &options.device.description, plan, dataset.name(), sha256);
        let clock = RunClock::start(folder.path(), info);
        let (stages, reported) = (config.stages(), Cell::new(Instant::now()));
        Ok(Self {
            config,
            dataset,
            options,
            folder,
            unet,
            schedule,
            original,
            states,
            clock,
            reported,
            stages,
        })
    }

    /// Whether the networks are told the classes of images.
    pub(crate) fn has_classes(&self) -> bool {
        self.unet.class_input() != ClassInput::None
    }

    /// The classes that images are drawn of: the dataset's.
    pub(crate) fn classes(&self) -> Vec<u32> {
        let count = self.dataset.num_classes().filter(|_| self.has_classes());
        (0..count.unwrap_or(0) as u32).collect()
    }

    /// The results, if there is nothing left to do but to tidy up.
    ///
    /// # Errors
    /// [`TrainError::File`] if the summary is damaged.
    pub fn finished(&self) -> Result<Option<Summary>, TrainError> {
        let summary = Summary::read(self.folder.path())?;
        if !self.left()?.iter().all(StageLeft::is_done) {
            return Ok(None);
        }
        // Killed between the last measurement and its own end, a run left these undone.
        self.states.remove()?;
        let told = RunInfo::read(self.folder.path());
        if told.is_none_or(|info| info.status != RunStatus::Finished) {
            self.report_or_say(RunStatus::Finished);
        }
        Ok(Some(summary))
    }

    /// What each stage has left.
    ///
    /// # Errors
    /// [`TrainError::File`] if the saved states cannot be read, or the summary is damaged.
    pub fn left(&self) -> Result<Vec<StageLeft>, TrainError> {
        left_of(self.config, self.folder.path())
    }

    /// Goes on from where the folder says it stopped, to the end.
    ///
    /// # Errors
    /// [`TrainError`]; what was saved before stays.
    pub fn go(&self) -> Result<Outcome, TrainError> {
        self.report_or_say(RunStatus::Running);
        let outcome = self.run_stages();
        match &outcome {
            Ok(Outcome::Finished(_)) => self.report_or_say(RunStatus::Finished),
            Ok(_) => self.report_or_say(RunStatus::Stopped),
            // The error is what matters, also where this cannot be written.
            Err(error) => drop(self.report(RunStatus::Failed(with_causes(error)))),
        }
        outcome
    }

    /// Brings `report/` up to date.
    fn report(&self, status: RunStatus) -> Result<(), TrainError> {
        self.reported.set(Instant::now());
        self.clock.write(status)?;
        write_report(self.folder.path())?;
        Ok(())
    }

    /// The same, where a report that cannot be written is no reason to end the work.
    pub(crate) fn report_or_say(&self, status: RunStatus) {
        if let Err(error) = self.report(status) {
            halfstep_sample::say!("note: the report was not written: {}", with_causes(&error));
        }
    }

    /// Whether the report is old enough to be written again.
    pub(crate) fn report_is_due(&self) -> bool {
        self.reported.get().elapsed() >= REPORTED_EVERY
    }

    fn run_stages(&self) -> Result<Outcome, TrainError> {
        self.trust_device()?;
        let (mut summary, mut agreement) = (Summary::read(self.folder.path())?, None);
        for (i, &stage) in self.stages.iter().enumerate() {
            if !self.folder.has_model(stage) {
                let before = i.checked_sub(1).map(|before| self.stages[before]);
                if let Some(step) = self.train(stage, before)? {
                    return Ok(Outcome::Stopped { stage, step });
                }
            }
            if self.options.stop.is_raised() {
                return Ok(Outcome::Stopped { stage, step: self.config.stage_steps(stage) });
            }
            if !is_measured(self.config, self.folder.path(), stage, &summary) {
                let measured = caught(|| self.measure(stage, &mut agreement, &mut summary));
                match measured.unwrap_or_else(|panic| Err(TrainError::Device(panic))) {
                    Ok(()) => {}
                    Err(TrainError::Sample(SampleError::Stopped)) => {
                        return Ok(Outcome::StoppedMeasuring);
                    }
                    Err(error) => {
                        let (stage, source) = (stage.to_string(), Box::new(error));
                        return Err(TrainError::Measuring { stage, source });
                    }
                }
                self.report_or_say(RunStatus::Running);
            }
        }
        self.states.remove()?;
        Ok(Outcome::Finished(summary))
    }

    pub(crate) fn is_last(&self, stage: Stage) -> bool {
        self.stages.last() == Some(&stage)
    }
}

/// Refuses to go on where an earlier version numbered the classes of the same images otherwise.
fn refuse_earlier_order(out: &Path, dataset: &Dataset, sha256: &str) -> Result<(), TrainError> {
    let begun = std::fs::read_to_string(out.join(DATASET)).unwrap_or_default();
    let begun = begun.trim();
    if begun.is_empty() || begun == sha256 {
        return Ok(());
    }
    let Some(earlier) = dataset.earlier_order(begun) else {
        return Ok(()); // other images, which is for the folder to refuse
    };
    let listed = |names: &[String]| list_classes(names, 20);
    let problem = format!(
        "was begun by an earlier version, which numbered the classes of these images otherwise ({}; now {}). \
         Finish it with that version, or use --out for another folder; its models know their classes' names, \
         and can be drawn from",
        listed(&earlier),
        listed(dataset.class_names())
    );
    Err(TrainError::file(out, problem))
}

/// An error and what lies beneath it, in one line.
fn with_causes(error: &TrainError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
