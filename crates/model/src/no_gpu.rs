//! Builds without wgpu have no GPU to offer.

use super::{DeviceChoice, DeviceError, SelectedDevice};

pub(super) fn best() -> Result<Option<SelectedDevice>, DeviceError> {
    Ok(None)
}

pub(super) fn wgpu() -> Result<SelectedDevice, DeviceError> {
    Err(DeviceError::NotCompiled(DeviceChoice::Wgpu, "wgpu"))
}

pub(super) fn vulkan() -> Result<SelectedDevice, DeviceError> {
    Err(DeviceError::NotCompiled(DeviceChoice::Vulkan, "vulkan"))
}

pub(super) fn metal() -> Result<SelectedDevice, DeviceError> {
    Err(DeviceError::NotCompiled(DeviceChoice::Metal, "metal"))
}
