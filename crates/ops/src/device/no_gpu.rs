//! Stands in for `gpu.rs` in builds without wgpu: there is no GPU.

use crate::device::choice::{DeviceBackend, DeviceChoice, DeviceError};
use crate::device::selected::SelectedDevice;

pub(super) fn best() -> Result<Option<SelectedDevice>, DeviceError> {
    Ok(None)
}

pub(super) fn names(_: DeviceBackend) -> Vec<(String, &'static str)> {
    Vec::new()
}

pub(super) fn open(choice: DeviceChoice) -> Result<SelectedDevice, DeviceError> {
    Err(DeviceError::not_compiled(choice.backend))
}
