//! `report/run.json`: what ran, on what, for how long.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Instant;

use halfstep_files::read_text;
use serde::{Deserialize, Serialize};

use crate::error::RunError;
use crate::json::write_json;

const FILE: &str = "report/run.json";

/// What ran, on what, for how long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Name and version of the program, and of Burn.
    pub program: String,
    /// Operating system, processor, threads.
    pub system: String,
    /// The device of the last start.
    pub device: String,
    /// The configuration in words.
    pub plan: PlanText,
    /// The dataset's name.
    pub dataset: String,
    /// SHA-256 of its pixels and labels.
    pub dataset_sha256: String,
    /// How often the run was started.
    pub starts: u64,
    /// Seconds it ran, over all starts: training, sampling and measuring.
    pub seconds: f64,
    /// Peak memory of the process over all starts; `None` where the system does not report it.
    pub peak_memory_bytes: Option<u64>,
    /// Whether it is under way.
    #[serde(alias = "standing")]
    pub status: RunStatus,
}

/// The configuration in words, as a plan shows it before a run begins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanText {
    /// The run's name and its images.
    pub title: String,
    /// Which number means which class; empty for a network without class labels.
    #[serde(default)]
    pub classes: String,
    /// The network.
    pub network: String,
    /// How the teacher learns, or where it comes from.
    pub teacher: String,
    /// The rounds of distillation.
    pub rounds: String,
}

/// Whether a run is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Under way, or killed.
    #[default]
    Running,
    /// Stopped on request; its state is saved.
    Stopped,
    /// Complete.
    Finished,
    /// Ended by this error.
    Failed(String),
}

impl RunInfo {
    /// Reads the information about a run; `None` if it is missing or damaged. No result depends on it.
    pub fn read(run: &Path) -> Option<Self> {
        serde_json::from_str(&read_text(&run.join(FILE)).ok()?).ok()
    }

    /// The information about a first start on this machine. `program` names the program and its version.
    pub fn new(
        program: &str,
        device: &str,
        plan: PlanText,
        dataset: &str,
        dataset_sha256: &str,
    ) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let (system, processor) = (std::env::consts::OS, std::env::consts::ARCH);
        Self {
            program: program.to_owned(),
            system: format!("{system} {processor}, {threads} threads"),
            device: device.to_owned(),
            plan,
            dataset: dataset.to_owned(),
            dataset_sha256: dataset_sha256.to_owned(),
            starts: 0,
            seconds: 0.0,
            peak_memory_bytes: None,
            status: RunStatus::Running,
        }
    }
}

/// Keeps a run folder's [`RunInfo`] up to date.
#[derive(Debug)]
pub struct RunClock {
    path: PathBuf,
    info: RefCell<RunInfo>,
    before: f64,
    started: Instant,
}

impl RunClock {
    /// Starts counting, on top of the starts and seconds before.
    pub fn start(run: &Path, mut info: RunInfo) -> Self {
        if let Some(before) = RunInfo::read(run) {
            info.starts = before.starts;
            info.seconds = before.seconds;
            info.peak_memory_bytes = before.peak_memory_bytes;
        }
        info.starts += 1;
        let before = info.seconds;
        Self { path: run.join(FILE), info: RefCell::new(info), before, started: Instant::now() }
    }

    /// Writes time, memory and this status.
    ///
    /// # Errors
    /// [`RunError::File`].
    pub fn write(&self, status: RunStatus) -> Result<(), RunError> {
        let mut info = self.info.borrow_mut();
        info.seconds = self.before + self.started.elapsed().as_secs_f64();
        info.peak_memory_bytes = info.peak_memory_bytes.max(peak_memory());
        info.status = status;
        write_json(&self.path, &*info)
    }
}

/// Linux's VmHWM in bytes. Other systems report it through C functions alone.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_starts_add_up() {
        let dir = tempfile::tempdir().unwrap();
        let plan = PlanText::default();
        let start = || {
            RunClock::start(
                dir.path(),
                RunInfo::new("halfstep", "cpu", plan.clone(), "digits", "12"),
            )
        };
        let failed = RunStatus::Failed("no space".to_owned());
        start().write(failed.clone()).unwrap();
        let first = RunInfo::read(dir.path()).unwrap();
        assert_eq!((first.starts, first.status), (1, failed));
        start().write(RunStatus::Stopped).unwrap();
        let second = RunInfo::read(dir.path()).unwrap();
        assert_eq!((second.starts, second.status), (2, RunStatus::Stopped));
        assert!(second.seconds > first.seconds);
        if cfg!(target_os = "linux") {
            assert!(second.peak_memory_bytes.unwrap() > 1 << 20);
        }
    }

    #[test]
    fn folders_of_earlier_versions_are_read() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("report")).unwrap();
        let text = r#"{"program": "halfstep 0.1.0", "system": "linux", "device": "cpu", "plan": {"title": "digits",
            "network": "n", "teacher": "t", "rounds": "r"}, "dataset": "digits", "dataset_sha256": "12",
            "starts": 1, "seconds": 9.5, "peak_memory_bytes": null, "standing": {"failed": "no space"}}"#;
        std::fs::write(dir.path().join(FILE), text).unwrap();
        let info = RunInfo::read(dir.path()).unwrap();
        assert_eq!((info.seconds, info.plan.classes.as_str()), (9.5, ""));
        assert_eq!(info.status, RunStatus::Failed("no space".to_owned()));
    }
}
