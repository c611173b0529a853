//! From a backend and a number to a Burn device. There is never a silent fallback.

use burn::tensor::Device;

use crate::device::choice::{DeviceBackend, DeviceChoice, DeviceError};
use crate::device::selected::SelectedDevice;
use crate::device::{gpu, vendor};

impl DeviceChoice {
    /// Opens the device. Only [`DeviceBackend::Auto`] chooses on its own, and
    /// [`SelectedDevice::description`] names its choice.
    ///
    /// # Errors
    /// [`DeviceError`] if the program was built without the backend, if there is no such device, or if it
    /// does not work.
    pub fn select(self) -> Result<SelectedDevice, DeviceError> {
        match self.backend {
            backend if !backend.is_compiled() => Err(DeviceError::not_compiled(backend)),
            DeviceBackend::Auto => auto(),
            DeviceBackend::Cpu => cpu(),
            DeviceBackend::Wgpu | DeviceBackend::Vulkan | DeviceBackend::Metal => gpu::open(self),
            DeviceBackend::Cuda | DeviceBackend::Rocm => vendor::open(self),
            DeviceBackend::Ndarray => ndarray(),
        }
    }
}

impl DeviceBackend {
    /// Opens its first device: see [`DeviceChoice::select`].
    ///
    /// # Errors
    /// Those of [`DeviceChoice::select`].
    pub fn select(self) -> Result<SelectedDevice, DeviceError> {
        DeviceChoice::from(self).select()
    }

    /// Whether this program was built with it.
    pub fn is_compiled(self) -> bool {
        match self {
            Self::Auto => true,
            Self::Cpu => cfg!(feature = "flex"),
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Vulkan => cfg!(all(feature = "wgpu", feature = "vulkan")),
            Self::Metal => cfg!(all(feature = "wgpu", feature = "metal")),
            Self::Cuda => cfg!(feature = "cuda"),
            Self::Rocm => cfg!(feature = "rocm"),
            Self::Ndarray => cfg!(feature = "ndarray"),
        }
    }
}

/// Tries CUDA, ROCm, wgpu and the CPU, in this order. A GPU that is there and does not work is an error: the
/// CPU in its place would take hundreds of times as long.
fn auto() -> Result<SelectedDevice, DeviceError> {
    for vendor in [DeviceBackend::Cuda, DeviceBackend::Rocm] {
        match vendor.select() {
            Err(DeviceError::NotCompiled { .. } | DeviceError::NoAdapter { .. }) => {}
            found_or_broken => return found_or_broken,
        }
    }
    match gpu::best()? {
        Some(found) => Ok(found),
        None => cpu(),
    }
}

#[cfg(feature = "flex")]
fn cpu() -> Result<SelectedDevice, DeviceError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let description = format!("cpu (flex, {threads} threads)");
    let device = Device::flex();
    Ok(SelectedDevice::processor(device, description))
}

#[cfg(not(feature = "flex"))]
fn cpu() -> Result<SelectedDevice, DeviceError> {
    Err(DeviceError::not_compiled(DeviceBackend::Cpu))
}

#[cfg(feature = "ndarray")]
#[allow(deprecated, reason = "the feature is opt-in and exists to compare backends")]
fn ndarray() -> Result<SelectedDevice, DeviceError> {
    Ok(SelectedDevice::processor(Device::ndarray(), "cpu (ndarray)".to_owned()))
}

#[cfg(not(feature = "ndarray"))]
fn ndarray() -> Result<SelectedDevice, DeviceError> {
    Err(DeviceError::not_compiled(DeviceBackend::Ndarray))
}
