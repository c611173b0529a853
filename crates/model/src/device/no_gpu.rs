//! Builds without wgpu have no GPU to offer.

use crate::device::choice::{DeviceBackend, DeviceChoice, DeviceError};
use crate::device::select::SelectedDevice;

pub(super) fn best() -> Result<Option<SelectedDevice>, DeviceError> {
    Ok(None)
}

pub(super) fn names(_: DeviceBackend) -> Vec<(String, &'static str)> {
    Vec::new()
}

pub(super) fn wgpu(_: DeviceChoice) -> Result<SelectedDevice, DeviceError> {
    Err(DeviceError::NotCompiled(DeviceBackend::Wgpu, "wgpu"))
}

pub(super) fn vulkan(_: DeviceChoice) -> Result<SelectedDevice, DeviceError> {
    Err(DeviceError::NotCompiled(DeviceBackend::Vulkan, "vulkan"))
}

pub(super) fn metal(_: DeviceChoice) -> Result<SelectedDevice, DeviceError> {
    Err(DeviceError::NotCompiled(DeviceBackend::Metal, "metal"))
}
