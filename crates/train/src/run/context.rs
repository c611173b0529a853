//! The context of a run, shared by all its stages: the job, its images and its locked folder.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use halfstep_core::StopFlag;
use halfstep_data::{ImageSource, list_classes};
use halfstep_model::{ClassInput, SelectedDevice, UNetConfig};
use halfstep_report::write_report;
use halfstep_run::layout::DATASET;
use halfstep_run::{RunClock, RunInfo, RunStatus};

use crate::config::job::Job;
use crate::config::resolved::ResolvedConfig;
use crate::error::TrainError;
use crate::event::{Event, OnEvent};
use crate::plan::plan_text;
use crate::run::folder::RunFolder;
use crate::run::version::program;
use crate::stage::saved_states::SavedStates;

/// The time between two updates of the report while a stage trains.
const REPORT_INTERVAL: Duration = Duration::from_secs(30);

/// Where and how to run. On the CPU, no option changes a result.
#[derive(Clone)]
pub struct RunOptions<'a> {
    /// The run folder.
    pub out: PathBuf,
    /// The device to compute on.
    pub device: SelectedDevice,
    /// A flag that stops the run: once raised, the run saves its state and returns.
    pub stop: StopFlag,
    /// Receives the run's events.
    pub on_event: OnEvent<'a>,
}

impl RunOptions<'_> {
    /// Options for a run in the folder `out`, without a stop flag and without a receiver of events.
    pub fn new(out: impl Into<PathBuf>, device: SelectedDevice) -> Self {
        Self { out: out.into(), device, stop: StopFlag::default(), on_event: &|_| {} }
    }
}

/// A job, its images, and its locked run folder.
pub(crate) struct RunContext<'a> {
    pub job: &'a Job,
    pub config: &'a ResolvedConfig,
    pub images: &'a dyn ImageSource,
    /// The identity of the images: reading it may read them all.
    pub images_sha256: String,
    pub options: &'a RunOptions<'a>,
    pub folder: RunFolder,
    pub network: UNetConfig,
    pub states: SavedStates,
    clock: RunClock,
    reported: Cell<Instant>,
}

impl<'a> RunContext<'a> {
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
        let config = &job.config;
        job.check_place(&options.out)?;
        config.check_flip(images.allows_flip(), images.name())?;
        config.check_classes(images.class_names())?;
        config.check_precision(&options.device)?;
        let network = config.network(images.shape(), images.num_classes())?;
        config.check_memory(&network, &options.device.device)?;
        let pretrained_sha256 =
            config.pretrained.as_ref().map(|teacher| teacher.outline.sha256()).transpose()?;
        let images_sha256 = images.sha256();
        refuse_earlier_order(&options.out, images, &images_sha256)?;
        let folder =
            RunFolder::open(&options.out, job, &images_sha256, pretrained_sha256.as_deref())?;
        let states = SavedStates::open(folder.file("state"))?;
        let plan = plan_text(job, &network, &images.outline(), &options.device.device)?;
        let info = RunInfo::new(
            &program(),
            &options.device.description,
            plan,
            images.name(),
            &images_sha256,
        );
        let clock = RunClock::start(folder.path(), info);
        let reported = Cell::new(Instant::now());
        Ok(Self {
            job,
            config,
            images,
            images_sha256,
            options,
            folder,
            network,
            states,
            clock,
            reported,
        })
    }

    /// Updates `report/`. The run continues if the report cannot be written.
    pub fn report(&self, status: RunStatus) {
        if let Err(error) = self.write_report(status) {
            (self.options.on_event)(Event::ReportFailed { error: &error });
        }
    }

    /// Updates `report/`.
    ///
    /// # Errors
    /// [`TrainError`] naming the file that cannot be written.
    pub fn write_report(&self, status: RunStatus) -> Result<(), TrainError> {
        self.reported.set(Instant::now());
        self.clock.write(status)?;
        write_report(self.folder.path())?;
        Ok(())
    }

    /// Updates `report/` if the last update is older than [`REPORT_INTERVAL`].
    pub fn report_if_due(&self) {
        if self.reported.get().elapsed() >= REPORT_INTERVAL {
            self.report(RunStatus::Running);
        }
    }

    /// Whether the network is class-conditional.
    pub fn has_classes(&self) -> bool {
        self.network.class_input() != ClassInput::None
    }

    /// The classes of the drawn images, in turn; empty for an unconditional network.
    pub fn classes(&self) -> Vec<u32> {
        let count = self.images.num_classes().filter(|_| self.has_classes());
        (0..count.unwrap_or(0) as u32).collect()
    }
}

/// Refuses a run that an earlier version started with the same images but numbered their classes differently.
fn refuse_earlier_order(
    out: &Path,
    images: &dyn ImageSource,
    sha256: &str,
) -> Result<(), TrainError> {
    let saved = std::fs::read_to_string(out.join(DATASET)).unwrap_or_default();
    let saved = saved.trim();
    if saved.is_empty() || saved == sha256 {
        return Ok(());
    }
    let Some(earlier) = images.earlier_order(saved) else {
        return Ok(()); // other images, which `RunFolder::open` refuses
    };
    let listed = |names: &[String]| list_classes(names, 20);
    let problem = format!(
        "was started by an earlier version that numbered the classes differently ({}; now {}). Its models store \
         their class names, so images can still be drawn by class name. Finish the run with that version",
        listed(&earlier),
        listed(images.class_names())
    );
    Err(TrainError::run_folder(out, problem))
}
