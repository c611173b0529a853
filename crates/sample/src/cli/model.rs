//! Opening a model folder as the programs do.

use std::path::Path;

use burn::tensor::Device;
use halfstep_model::{ModelError, ModelFolder, ModelOutline, SelectedDevice};

use crate::{SampleError, check_drawing};

/// Reads a model folder onto a device and says what its user should know of it
/// ([`ModelOutline::notes`]).
///
/// # Errors
/// [`ModelError`], as [`ModelFolder::load`].
pub fn open_model(dir: &Path, device: &Device) -> Result<ModelFolder, ModelError> {
    load_noted(dir, &ModelOutline::read(dir)?, device)
}

/// The same of a folder that was read before.
///
/// # Errors
/// [`ModelError`], as [`ModelOutline::load`].
pub fn load_noted(
    dir: &Path,
    outline: &ModelOutline,
    device: &Device,
) -> Result<ModelFolder, ModelError> {
    for note in &outline.notes {
        crate::say!("note: {} {note}", dir.display());
    }
    outline.load(device)
}

/// [`open_model`], and [`check_drawing`] on top.
///
/// # Errors
/// [`SampleError`].
pub fn open_model_checked(dir: &Path, device: &SelectedDevice) -> Result<ModelFolder, SampleError> {
    let model = open_model(dir, &device.device)?;
    check_drawing(&model, device)?;
    Ok(model)
}
