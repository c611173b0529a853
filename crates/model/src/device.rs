//! `--device`: from a name to a Burn device, never a silent fallback.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

#[cfg(feature = "wgpu")]
#[path = "gpu.rs"]
mod gpu;
#[cfg(not(feature = "wgpu"))]
#[path = "no_gpu.rs"]
mod gpu;

/// What the user asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A real GPU if there is one, else the CPU. Never a software rasteriser.
    #[default]
    Auto,
    /// The CPU (burn-flex).
    Cpu,
    /// WGPU with WGSL shaders: Vulkan, Metal or DX12, whatever adapter the system prefers.
    Wgpu,
    /// WGPU on Vulkan with SPIR-V shaders.
    Vulkan,
    /// WGPU on Metal with MSL shaders.
    Metal,
    /// NVIDIA CUDA.
    Cuda,
    /// AMD ROCm.
    Rocm,
    /// The deprecated burn-ndarray, as a third opinion.
    Ndarray,
}

const CHOICES: [(&str, DeviceChoice); 8] = [
    ("auto", DeviceChoice::Auto),
    ("cpu", DeviceChoice::Cpu),
    ("wgpu", DeviceChoice::Wgpu),
    ("vulkan", DeviceChoice::Vulkan),
    ("metal", DeviceChoice::Metal),
    ("cuda", DeviceChoice::Cuda),
    ("rocm", DeviceChoice::Rocm),
    ("ndarray", DeviceChoice::Ndarray),
];

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(name: &str) -> Result<Self, DeviceError> {
        CHOICES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, choice)| *choice)
            .ok_or_else(|| DeviceError::Unknown(name.to_owned()))
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name =
            CHOICES.iter().find(|(_, choice)| choice == self).map_or("auto", |(name, _)| name);
        f.write_str(name)
    }
}

/// A device that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// Not a device name.
    #[error(
        "--device {0}: unknown device; one of auto, cpu, wgpu, vulkan, metal, cuda, rocm, ndarray"
    )]
    Unknown(String),
    /// A backend that this binary was built without.
    #[error("--device {0}: this program was built without it; build with `--features {1}`")]
    NotCompiled(DeviceChoice, &'static str),
    /// No adapter of that kind.
    #[error("--device {0}: {1}; `--device cpu` always works")]
    NoAdapter(DeviceChoice, String),
    /// A GPU that is there and does not work.
    #[error(
        "{adapter} was found but cannot be used: {reason}; mend its driver, or add `--device cpu`"
    )]
    Broken {
        /// The GPU.
        adapter: String,
        /// What the driver said.
        reason: String,
    },
}

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

    /// What results depend on: the description without the number of threads.
    pub fn kind(&self) -> String {
        match self.description.rsplit_once(", ") {
            Some((kind, threads)) if threads.ends_with(" threads)") => format!("{kind})"),
            _ => self.description.clone(),
        }
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
    /// [`DeviceChoice::Auto`] ever chooses for the user, and it says what it chose.
    pub fn select(self) -> Result<SelectedDevice, DeviceError> {
        match self {
            Self::Auto => auto(),
            Self::Cpu => cpu(),
            Self::Wgpu => gpu::wgpu(),
            Self::Vulkan => gpu::vulkan(),
            Self::Metal => gpu::metal(),
            Self::Cuda => cuda(),
            Self::Rocm => rocm(),
            Self::Ndarray => ndarray(),
        }
    }
}

/// CUDA, then ROCm, then whatever wgpu finds, then the CPU; a GPU that is there but does not work is
/// an error, for the CPU in its place would take hundreds of times as long.
fn auto() -> Result<SelectedDevice, DeviceError> {
    for vendor in [cuda, rocm] {
        match vendor() {
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
    Err(DeviceError::NotCompiled(DeviceChoice::Cpu, "flex"))
}

#[cfg(feature = "cuda")]
fn cuda() -> Result<SelectedDevice, DeviceError> {
    let found = Device::enumerate(burn::tensor::DeviceType::Cuda).into_vec().into_iter().next();
    let device = found.ok_or_else(|| no_adapter(DeviceChoice::Cuda, "no CUDA device was found"))?;
    let description = "cuda: device 0".to_owned();
    Ok(SelectedDevice::accelerator(device, description))
}

#[cfg(not(feature = "cuda"))]
fn cuda() -> Result<SelectedDevice, DeviceError> {
    Err(DeviceError::NotCompiled(DeviceChoice::Cuda, "cuda"))
}

#[cfg(feature = "rocm")]
fn rocm() -> Result<SelectedDevice, DeviceError> {
    let found = Device::enumerate(burn::tensor::DeviceType::Rocm).into_vec().into_iter().next();
    let device = found.ok_or_else(|| no_adapter(DeviceChoice::Rocm, "no ROCm device was found"))?;
    let description = "rocm: device 0".to_owned();
    Ok(SelectedDevice::accelerator(device, description))
}

#[cfg(not(feature = "rocm"))]
fn rocm() -> Result<SelectedDevice, DeviceError> {
    Err(DeviceError::NotCompiled(DeviceChoice::Rocm, "rocm"))
}

#[cfg(feature = "ndarray")]
#[allow(deprecated, reason = "the feature is opt-in and exists to compare backends")]
fn ndarray() -> Result<SelectedDevice, DeviceError> {
    Ok(SelectedDevice::processor(Device::ndarray(), "cpu (ndarray)".to_owned()))
}

#[cfg(not(feature = "ndarray"))]
fn ndarray() -> Result<SelectedDevice, DeviceError> {
    Err(DeviceError::NotCompiled(DeviceChoice::Ndarray, "ndarray"))
}

#[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]
fn no_adapter(choice: DeviceChoice, reason: impl Into<String>) -> DeviceError {
    DeviceError::NoAdapter(choice, reason.into())
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
            ["cpu (ndarray)", "cuda: device 0", "wgpu: llvmpipe (LLVM 19, 256 bits) (Vulkan)"];
        assert!(others.iter().all(|other| of(other) == *other));
    }
}
