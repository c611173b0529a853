//! CUDA and ROCm, whose devices the vendor's library numbers.

use burn::tensor::Device;
#[cfg(any(feature = "cuda", feature = "rocm"))]
use burn::tensor::DeviceType;

use crate::device::choice::{DeviceBackend, DeviceChoice, DeviceError, nth};
use crate::device::selected::SelectedDevice;

/// Opens the device of this number alone.
pub(super) fn open(choice: DeviceChoice) -> Result<SelectedDevice, DeviceError> {
    let device = nth(choice, devices(choice.backend), listed)?;
    let description = format!("{choice}: {}", listed(&device).0);
    Ok(SelectedDevice::accelerator(device, description))
}

/// The names and kinds of a vendor's devices, in the order of their numbers. Opens each of them.
pub(super) fn names(backend: DeviceBackend) -> Vec<(String, &'static str)> {
    devices(backend).iter().map(listed).collect()
}

/// The devices of a vendor's backend, not opened; none if the program was built without it.
fn devices(backend: DeviceBackend) -> Vec<Device> {
    match backend {
        #[cfg(feature = "cuda")]
        DeviceBackend::Cuda => Device::enumerate(DeviceType::Cuda).into_vec(),
        #[cfg(feature = "rocm")]
        DeviceBackend::Rocm => Device::enumerate(DeviceType::Rocm).into_vec(),
        _ => Vec::new(),
    }
}

/// The vendor's name of a device and its kind. Opens the device.
fn listed(device: &Device) -> (String, &'static str) {
    let name = device.identity().map(|identity| identity.name);
    (name.unwrap_or_else(|| "unnamed".to_owned()), "GPU")
}
