//! `report/run.json`: what ran, on what, for how long.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Instant;

use halfstep_model::read_text;
use halfstep_sample::output::write_file;
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::plan::PlanText;

const FILE: &str = "report/run.json";
/// As pinned in the workspace's manifest.
const BURN: &str = "0.22.1";

/// What ran, on what, for how long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunInfo {
    /// Name and version of this program, and of Burn.
    pub program: String,
    /// Operating system, processor, threads.
    pub system: String,
    /// The device of the last start.
    pub device: String,
    /// What the configuration says in words.
    pub plan: PlanText,
    /// The dataset's name.
    pub dataset: String,
    /// SHA-256 of its pixels and labels.
    pub dataset_sha256: String,
    /// How often the run was started.
    pub starts: u64,
    /// Seconds it ran, over all starts: learning, drawing and measuring.
    pub seconds: f64,
    /// The most memory the process ever had; `None` where the system does not say.
    pub peak_memory_bytes: Option<u64>,
    /// Whether it is under way.
    pub standing: Standing,
}

/// How a run stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    /// Under way, or killed.
    #[default]
    Running,
    /// Asked to stop.
    Stopped,
    /// All is done.
    Finished,
    /// Ended by this error.
    Failed(String),
}

impl RunInfo {
    /// Reads that of a run folder; `None` if it is not there or damaged: nothing depends on it.
    pub fn read(folder: &Path) -> Option<Self> {
        serde_json::from_str(&read_text(&folder.join(FILE)).ok()?).ok()
    }

    /// Of a first start.
    pub fn new(device: &str, plan: PlanText, dataset: &str, dataset_sha256: &str) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let (system, processor) = (std::env::consts::OS, std::env::consts::ARCH);
        Self {
            program: format!("halfstep {}, Burn {BURN}", env!("CARGO_PKG_VERSION")),
            system: format!("{system} {processor}, {threads} threads"),
            device: device.to_owned(),
            plan,
            dataset: dataset.to_owned(),
            dataset_sha256: dataset_sha256.to_owned(),
            starts: 0,
            seconds: 0.0,
            peak_memory_bytes: None,
            standing: Standing::Running,
        }
    }
}

/// Keeps [`RunInfo`] up to date.
pub(crate) struct RunClock {
    path: PathBuf,
    info: RefCell<RunInfo>,
    before: f64,
    started: Instant,
}

impl RunClock {
    /// Starts counting, on top of what earlier starts of the folder took.
    pub fn start(folder: &Path, mut info: RunInfo) -> Self {
        if let Some(before) = RunInfo::read(folder) {
            info.starts = before.starts;
            info.seconds = before.seconds;
            info.peak_memory_bytes = before.peak_memory_bytes;
        }
        info.starts += 1;
        let before = info.seconds;
        Self { path: folder.join(FILE), info: RefCell::new(info), before, started: Instant::now() }
    }

    /// Writes how things stand.
    ///
    /// # Errors
    /// [`TrainError::Files`] naming the file.
    pub fn write(&self, standing: Standing) -> Result<(), TrainError> {
        let mut info = self.info.borrow_mut();
        info.seconds = self.before + self.started.elapsed().as_secs_f64();
        info.peak_memory_bytes = info.peak_memory_bytes.max(peak_memory());
        info.standing = standing;
        let text = serde_json::to_string_pretty(&*info)
            .map_err(|error| TrainError::file(&self.path, error))?;
        Ok(write_file(&self.path, text.as_bytes())?)
    }
}

/// Linux's VmHWM; other systems tell it through C alone.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burns_version_is_the_locked_one() {
        let lock = include_str!("../../../Cargo.lock");
        assert!(lock.contains(&format!("name = \"burn\"\nversion = \"{BURN}\"\n")));
    }

    #[test]
    fn time_and_starts_add_up() {
        let dir = tempfile::tempdir().unwrap();
        let plan = PlanText::default();
        let start =
            || RunClock::start(dir.path(), RunInfo::new("cpu", plan.clone(), "digits", "12"));
        let failed = Standing::Failed("no space".to_owned());
        start().write(failed.clone()).unwrap();
        let first = RunInfo::read(dir.path()).unwrap();
        assert_eq!((first.starts, first.standing), (1, failed));
        start().write(Standing::Stopped).unwrap();
        let second = RunInfo::read(dir.path()).unwrap();
        assert_eq!((second.starts, second.standing), (2, Standing::Stopped));
        assert!(second.seconds > first.seconds);
        if cfg!(target_os = "linux") {
            assert!(second.peak_memory_bytes.unwrap() > 1 << 20);
        }
    }
}
