//! A device that was opened.

use burn::tensor::Device;

use crate::device::choice::DeviceChoice;

/// A device that was opened, and its description.
#[derive(Clone, Debug)]
pub struct SelectedDevice {
    /// The Burn device, without autodiff.
    pub device: Device,
    /// For people: `cpu (flex, 8 threads)`, `wgpu: NVIDIA H200 (Vulkan)`.
    pub description: String,
    /// False for the CPU and for software rasterisers.
    pub is_gpu: bool,
    /// Whether its kernels are compiled while the program runs.
    pub compiles_kernels: bool,
    /// Whether products may run on matrix units, which also round the factors of f32 products (TF32 on CUDA).
    /// wgpu without the features `vulkan` and `metal` writes WGSL, which cannot use them.
    pub matrix_units: bool,
}

impl SelectedDevice {
    /// The CPU, with any backend.
    pub(super) fn processor(device: Device, description: String) -> Self {
        let [is_gpu, compiles_kernels, matrix_units] = [false; 3];
        Self { device, description, is_gpu, compiles_kernels, matrix_units }
    }

    /// A GPU whose products may run on matrix units.
    pub(super) fn accelerator(device: Device, description: String) -> Self {
        let [is_gpu, compiles_kernels, matrix_units] = [true; 3];
        Self { device, description, is_gpu, compiles_kernels, matrix_units }
    }

    /// The part of the description that results depend on: without the number of threads, and without the
    /// number of one among several GPUs of the same name.
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

    /// Whether its results must be compared with the CPU's before use: kernels that are made at run time differ
    /// between machines, and matrix units may round what must not be rounded.
    pub fn must_be_checked(&self) -> bool {
        !self.made_at_run_time().is_empty() || self.matrix_units
    }

    /// The features of this build that make the device's kernels at run time: `fusion` joins operations into
    /// one, `autotune` takes the variant that is fastest at that moment.
    pub fn made_at_run_time(&self) -> Vec<&'static str> {
        let compiled =
            [("fusion", cfg!(feature = "fusion")), ("autotune", cfg!(feature = "autotune"))];
        let compiled = compiled.into_iter().filter(|(_, on)| *on && self.compiles_kernels);
        compiled.map(|(name, _)| name).collect()
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use crate::device::choice::DeviceBackend;

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
    fn matrix_units_must_show_what_they_compute() {
        let mut device = DeviceBackend::Cpu.select().unwrap();
        assert!(!device.must_be_checked());
        device.matrix_units = true;
        assert!(device.must_be_checked());
    }
}
