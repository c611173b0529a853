//! The record of a drawing, a small file beside the images.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use halfstep_files::write_file_through;
use serde::{Deserialize, Serialize};

use super::{Drawing, DrawingSettings, KeptError};
use crate::error::SampleError;
use halfstep_core::counted;

/// The record of a drawing that is going on, was stopped, or is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct DrawingRecord {
    /// Everything that the images depend on.
    pub settings: DrawingSettings,
    /// Of a growing file: images 0 to this one are on the disk. Of a folder: pictures of smaller numbers
    /// are the drawing's, as far as they are there.
    pub images: u64,
    /// Of a growing file: CRC-32 of their bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crc32: Option<u32>,
}

impl DrawingRecord {
    /// `None` if there is none.
    pub fn read(path: &Path) -> Result<Option<Self>, SampleError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(SampleError::file(path, error)),
        };
        let read = serde_json::from_str(&text);
        read.map(Some).map_err(|error| {
            SampleError::file(path, format!("is not the record of a drawing: {error}"))
        })
    }

    pub fn write(&self, path: &Path) -> Result<(), SampleError> {
        let text = serde_json::to_string(self).map_err(|error| SampleError::file(path, error))?;
        // Under a name of its own: what a killed process left is written over. The place is locked.
        Ok(write_file_through(&fresh_name(path), path, text.as_bytes())?)
    }

    /// Removes a record, if there is one.
    pub fn remove(path: &Path) -> Result<(), SampleError> {
        remove(&fresh_name(path))?;
        remove(path)
    }

    /// Refuses images that are no part of `drawing`. They are at `place`.
    pub fn check(&self, drawing: &Drawing, place: &Path) -> Result<(), KeptError> {
        let (path, images) = (place.to_path_buf(), counted(self.images, "image"));
        if self.images == 0 {
            return Ok(());
        }
        match self.settings.difference(&drawing.settings) {
            Some(difference) => Err(KeptError::Other { path, images, difference }),
            None if self.images > drawing.count => {
                Err(KeptError::More { path, images, count: drawing.count })
            }
            None => Ok(()),
        }
    }
}

/// `.drawing.json` -> `.drawing.json.new`
fn fresh_name(record: &Path) -> PathBuf {
    record.with_added_extension("new")
}

/// `a/b.npz` -> `a/.b.npz.partial`
pub(super) fn hidden(path: &Path, suffix: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(suffix);
    path.with_file_name(name)
}

/// Opens the file `path`, or makes it, for this process alone. The system lets go of it when the process
/// ends, however it ends.
pub(super) fn open_alone(path: &Path, place: &Path) -> Result<File, KeptError> {
    let failed = |error| SampleError::file(place, format!("cannot write: {error}"));
    let open = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path);
    let file = open.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(KeptError::InUse { path: place.to_path_buf() }),
        Err(TryLockError::Error(error)) => Err(failed(error).into()),
    }
}

/// Removes a file that need not be there.
pub(super) fn remove(path: &Path) -> Result<(), SampleError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(SampleError::file(path, format!("cannot remove: {error}")))
        }
        _ => Ok(()),
    }
}
