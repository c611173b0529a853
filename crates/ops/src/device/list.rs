//! The devices that there are.

use crate::device::choice::{DeviceBackend, DeviceChoice, ListedDevice};
use crate::device::{gpu, vendor};

/// Every device of every backend that this program was built with; a GPU appears once per backend. The devices
/// of one backend are numbered from 0, which the backend's bare name chooses.
pub fn list_devices() -> Vec<ListedDevice> {
    let compiled = DeviceBackend::ALL.into_iter().filter(|backend| backend.is_compiled());
    compiled.flat_map(listed).collect()
}

fn listed(backend: DeviceBackend) -> Vec<ListedDevice> {
    let processor = |name: &str| {
        vec![ListedDevice { choice: backend.into(), name: name.to_owned(), kind: "CPU" }]
    };
    let found = match backend {
        DeviceBackend::Auto => return Vec::new(),
        DeviceBackend::Cpu => return processor("flex"),
        DeviceBackend::Ndarray => return processor("ndarray"),
        DeviceBackend::Wgpu | DeviceBackend::Vulkan | DeviceBackend::Metal => gpu::names(backend),
        DeviceBackend::Cuda | DeviceBackend::Rocm => vendor::names(backend),
    };
    let numbered = found.into_iter().enumerate().map(|(index, (name, kind))| {
        let choice = DeviceChoice { backend, index: Some(index) };
        ListedDevice { choice, name, kind }
    });
    numbered.collect()
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_can_be_asked_for() {
        let listed = list_devices();
        assert_eq!(listed[0].choice, DeviceBackend::Cpu.into());
        for device in &listed {
            let again: DeviceChoice = device.choice.to_string().parse().unwrap();
            assert_eq!(again, device.choice);
        }
    }
}
