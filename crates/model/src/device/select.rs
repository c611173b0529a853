//! From a device's name to a Burn device, never a silent fallback.

use burn::tensor::Device;

#[cfg(any(feature = "cuda", feature = "rocm"))]
use crate::device::choice::nth;
use crate::device::choice::{DeviceBackend, DeviceChoice, DeviceError, ListedDevice};

#[cfg(feature = "wgpu")]
#[path = "gpu.rs"]
mod gpu;
#[cfg(not(feature = "wgpu"))]
#[path = "no_gpu.rs"]
mod gpu;

/// A device that was found, and what to call it.
#[derive(Clone, Debug)]
pub struct SelectedDevice {
    /// The Burn device, without autodiff.
    pub device: Device,
    /// For people: `cpu (flex, 8 threads)`, `wgpu: NVIDIA H200 (Vulkan)`.
    pub description: String,
    /// False for the CPU and for software rasterisers.
    pub is_gpu: bool,
    /// Whether its kernels are compiled as the program runs.
    pub compiles_kernels: bool,
    /// Whether products may run on matrix units, which round the factors of f32 products too (TF32 on
    /// CUDA). WGSL, which wgpu speaks without `vulkan` and `metal`, has no word for them.
    pub matrix_units: bool,
}

impl SelectedDevice {
    /// The CPU, by whatever backend.
    fn processor(device: Device, description: String) -> Self {
        let [is_gpu, compiles_kernels, matrix_units] = [false; 3];
        Self { device, description, is_gpu, compiles_kernels, matrix_units }
    }

    /// A GPU whose products may run on matrix units.
    #[cfg(any(feature = "cuda", feature = "rocm"))]
    fn accelerator(device: Device, description: String) -> Self {
        let [is_gpu, compiles_kernels, matrix_units] = [true; 3];
        Self { device, description, is_gpu, compiles_kernels, matrix_units }
    }

    /// What results depend on: the description without the number of threads, and without which of
    /// several GPUs of one name it is.
    pub fn kind(&self) -> String {
        if let Some((kind, threads)) = self.description.rsplit_once(", ")
            && threads.ends_with(" threads)")
        {
            return format!("{kind})");
        }
        let numbered = self.description.split_once(": ").and_then(|(choice, name)| {
            let DeviceChoice { backend, index } = choice.parse().ok()?;
            index.map(|_| format!("{backend}: {name}"))
        });
        numbered.unwrap_or_else(|| self.description.clone())
    }

    /// Why it may not compute what the CPU computes, so that it has to show that it does: kernels that are
    /// made at run time are other ones on every machine, and matrix units may round what they should not.
    pub fn must_be_checked(&self) -> bool {
        !self.made_at_run_time().is_empty() || self.matrix_units
    }

    /// What this program was built with that makes the device's kernels anew as it runs: `fusion` joins
    /// operations into one, `autotune` takes whichever variant is fastest just then.
    pub fn made_at_run_time(&self) -> Vec<&'static str> {
        let compiled =
            [("fusion", cfg!(feature = "fusion")), ("autotune", cfg!(feature = "autotune"))];
        let compiled = compiled.into_iter().filter(|(_, on)| *on && self.compiles_kernels);
        compiled.map(|(name, _)| name).collect()
    }
}

impl DeviceChoice {
    /// Finds the device.
    ///
    /// # Errors
    /// [`DeviceError`] if the backend was not compiled in or there is no such adapter. Only
    /// [`DeviceBackend::Auto`] ever chooses for the user, and it says what it chose.
    pub fn select(self) -> Result<SelectedDevice, DeviceError> {
        match self.backend {
            DeviceBackend::Auto => auto(),
            DeviceBackend::Cpu => cpu(),
            DeviceBackend::Wgpu => gpu::wgpu(self),
            DeviceBackend::Vulkan => gpu::vulkan(self),
            DeviceBackend::Metal => gpu::metal(self),
            DeviceBackend::Cuda => cuda(self),
            DeviceBackend::Rocm => rocm(self),
            DeviceBackend::Ndarray => ndarray(),
        }
    }
}

impl DeviceBackend {
    /// Finds its first device: see [`DeviceChoice::select`].
    ///
    /// # Errors
    /// As there.
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

/// Every device of every backend that this program was built with, a GPU once for each. Those of one
/// backend are numbered from 0, which is the one that the backend's bare name chooses.
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
        DeviceBackend::Cuda => cuda_names(),
        DeviceBackend::Rocm => rocm_names(),
    };
    let numbered = found.into_iter().enumerate().map(|(index, (name, kind))| {
        let choice = DeviceChoice { backend, index: Some(index) };
        ListedDevice { choice, name, kind }
    });
    numbered.collect()
}

/// CUDA, then ROCm, then whatever wgpu finds, then the CPU; a GPU that is there but does not work is
/// an error, for the CPU in its place would take hundreds of times as long.
fn auto() -> Result<SelectedDevice, DeviceError> {
    for vendor in [DeviceBackend::Cuda, DeviceBackend::Rocm] {
        match vendor.select() {
            Err(DeviceError::NotCompiled(..) | DeviceError::NoAdapter(..)) => {}
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
    Err(DeviceError::NotCompiled(DeviceBackend::Cpu, "flex"))
}

#[cfg(any(feature = "cuda", feature = "rocm"))]
const GPU: &str = "GPU";

/// A vendor's device. They are numbered by the vendor's library; only the one that is chosen is opened, or
/// all to list them.
#[cfg(any(feature = "cuda", feature = "rocm"))]
fn vendors(
    choice: DeviceChoice,
    found: Vec<Device>,
    none: &str,
) -> Result<SelectedDevice, DeviceError> {
    let device = nth(choice, found, vendors_name, none)?;
    let description = format!("{choice}: {}", vendors_name(&device).0);
    Ok(SelectedDevice::accelerator(device, description))
}

/// The vendor's name of a device, which is opened for it.
#[cfg(any(feature = "cuda", feature = "rocm"))]
fn vendors_name(device: &Device) -> (String, &'static str) {
    let name = device.identity().map(|identity| identity.name);
    (name.unwrap_or_else(|| "unnamed".to_owned()), GPU)
}

#[cfg(feature = "cuda")]
fn cuda_devices() -> Vec<Device> {
    Device::enumerate(burn::tensor::DeviceType::Cuda).into_vec()
}

#[cfg(feature = "cuda")]
fn cuda(choice: DeviceChoice) -> Result<SelectedDevice, DeviceError> {
    vendors(choice, cuda_devices(), "no CUDA device was found")
}

#[cfg(feature = "cuda")]
fn cuda_names() -> Vec<(String, &'static str)> {
    cuda_devices().iter().map(vendors_name).collect()
}

#[cfg(not(feature = "cuda"))]
fn cuda(_: DeviceChoice) -> Result<SelectedDevice, DeviceError> {
    Err(DeviceError::NotCompiled(DeviceBackend::Cuda, "cuda"))
}

#[cfg(not(feature = "cuda"))]
fn cuda_names() -> Vec<(String, &'static str)> {
    Vec::new()
}

#[cfg(feature = "rocm")]
fn rocm_devices() -> Vec<Device> {
    Device::enumerate(burn::tensor::DeviceType::Rocm).into_vec()
}

#[cfg(feature = "rocm")]
fn rocm(choice: DeviceChoice) -> Result<SelectedDevice, DeviceError> {
    vendors(choice, rocm_devices(), "no ROCm device was found")
}

#[cfg(feature = "rocm")]
fn rocm_names() -> Vec<(String, &'static str)> {
    rocm_devices().iter().map(vendors_name).collect()
}

#[cfg(not(feature = "rocm"))]
fn rocm(_: DeviceChoice) -> Result<SelectedDevice, DeviceError> {
    Err(DeviceError::NotCompiled(DeviceBackend::Rocm, "rocm"))
}

#[cfg(not(feature = "rocm"))]
fn rocm_names() -> Vec<(String, &'static str)> {
    Vec::new()
}

#[cfg(feature = "ndarray")]
#[allow(deprecated, reason = "the feature is opt-in and exists to compare backends")]
fn ndarray() -> Result<SelectedDevice, DeviceError> {
    Ok(SelectedDevice::processor(Device::ndarray(), "cpu (ndarray)".to_owned()))
}

#[cfg(not(feature = "ndarray"))]
fn ndarray() -> Result<SelectedDevice, DeviceError> {
    Err(DeviceError::NotCompiled(DeviceBackend::Ndarray, "ndarray"))
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_threads_is_no_kind_of_device() {
        let of = |description: &str| {
            SelectedDevice::processor(Device::flex(), description.to_owned()).kind()
        };
        assert_eq!(of("cpu (flex, 8 threads)"), "cpu (flex)");
        let others =
            ["cpu (ndarray)", "cuda: NVIDIA H100", "wgpu: llvmpipe (LLVM 19, 256 bits) (Vulkan)"];
        assert!(others.iter().all(|other| of(other) == *other));
        for (numbered, kind) in [
            ("wgpu:1: NVIDIA H200 (Vulkan)", "wgpu: NVIDIA H200 (Vulkan)"),
            ("cuda:1: NVIDIA H100", "cuda: NVIDIA H100"),
        ] {
            assert_eq!(of(numbered), kind);
        }
    }

    #[test]
    fn what_is_listed_can_be_asked_for() {
        let listed = list_devices();
        assert_eq!(listed[0].choice, DeviceBackend::Cpu.into());
        for device in &listed {
            let again: DeviceChoice = device.choice.to_string().parse().unwrap();
            assert_eq!(again, device.choice);
        }
    }

    #[test]
    fn matrix_units_must_show_what_they_compute() {
        let mut device = DeviceBackend::Cpu.select().unwrap();
        assert!(!device.must_be_checked());
        device.matrix_units = true;
        assert!(device.must_be_checked());
    }
}
