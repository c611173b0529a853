//! `tensorboard/`: what `metrics.jsonl` says, for TensorBoard; a folder a stage.

use std::path::PathBuf;

use crate::error::TrainError;
use crate::metrics::{Metrics, read_metrics};
use crate::report::tensorboard::EventFile;
use crate::run_folder::RunFolder;
use crate::stage::Stage;

/// The event file of a stage that is learning.
pub(crate) struct Events {
    dir: PathBuf,
    file: EventFile,
}

impl Events {
    /// Begins a file, for a stage whose metrics are written up to `step`. They are written again into
    /// a folder that has none: the setting may have been turned on while the run was stopped.
    pub fn begin(folder: &RunFolder, stage: Stage, step: u64) -> Result<Self, TrainError> {
        let dir = folder.file(&format!("tensorboard/{}", stage.folder().replace('/', "_")));
        let is_new = !dir.exists();
        let lines = read_metrics(&folder.file("metrics.jsonl"))?;
        let wrong = |error| TrainError::file(&dir, error);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs_f64();
        let after = if is_new { 0 } else { step };
        let mut events = Self { file: EventFile::begin(&dir, after, now).map_err(wrong)?, dir };
        for line in lines.iter().filter(|line| is_new && line.stage == stage.index()) {
            events.write(line)?;
        }
        Ok(events)
    }

    /// Adds a line, on the disk at once: who looks at curves looks at them as they grow.
    pub fn write(&mut self, line: &Metrics) -> Result<(), TrainError> {
        let written = self.file.line(line, line.time).and_then(|()| self.file.flush());
        written.map_err(|error| TrainError::file(&self.dir, error))
    }
}
