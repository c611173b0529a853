//! GPUs through wgpu: a real one first, a software rasteriser only when asked for by name.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use burn::tensor::wgpu::wgpu::{
    AdapterInfo, Backends, DeviceType as AdapterType, Instance, InstanceDescriptor,
};
use burn::tensor::wgpu::{WgpuInitError, WgpuOptions};
use burn::tensor::{Device, DeviceKind};

use super::{DeviceChoice, DeviceError, SelectedDevice, no_adapter};

/// The best real GPU: discrete, then integrated, then virtual. `None` if there is none.
///
/// # Errors
/// [`DeviceError::Broken`] if there is one that cannot be opened.
pub(super) fn best() -> Result<Option<SelectedDevice>, DeviceError> {
    let adapters = adapters();
    let Some((info, kind)) = first_real(adapters.iter()) else { return Ok(None) };
    let description = describe("wgpu", info);
    let device = open(Device::wgpu_options().device_kind(kind), &description)?;
    Ok(Some(adapter(device, description, true)))
}

/// Whatever adapter there is, real ones first; a software rasteriser counts, and is named.
pub(super) fn wgpu() -> Result<SelectedDevice, DeviceError> {
    if let Some(found) = best()? {
        return Ok(found);
    }
    let adapters = adapters();
    let software = adapters.iter().find(|info| info.device_type == AdapterType::Cpu);
    let info = software.or(adapters.first()).ok_or_else(|| {
        no_adapter(
            DeviceChoice::Wgpu,
            "no graphics adapter was found (is a Vulkan, Metal or DX12 driver installed?)",
        )
    })?;
    let name = describe("wgpu", info);
    let (kind, description) = if info.device_type == AdapterType::Cpu {
        (DeviceKind::Cpu, format!("{name}, a software rasteriser: slow"))
    } else {
        (DeviceKind::DefaultDevice, format!("{name}, of an unknown kind"))
    };
    let device = open(Device::wgpu_options().device_kind(kind), &name)?;
    let is_gpu = info.device_type != AdapterType::Cpu;
    Ok(adapter(device, description, is_gpu))
}

/// The first adapter of the best kind of real GPU, and how Burn calls it.
fn first_real<'a>(
    adapters: impl Iterator<Item = &'a AdapterInfo> + Clone,
) -> Option<(&'a AdapterInfo, DeviceKind)> {
    let kinds = [
        (AdapterType::DiscreteGpu, DeviceKind::DiscreteGpu(0)),
        (AdapterType::IntegratedGpu, DeviceKind::IntegratedGpu(0)),
        (AdapterType::VirtualGpu, DeviceKind::VirtualGpu(0)),
    ];
    kinds.into_iter().find_map(|(wanted, kind)| {
        let info = adapters.clone().find(|info| info.device_type == wanted)?;
        Some((info, kind))
    })
}

fn open(options: WgpuOptions, adapter: &str) -> Result<Device, DeviceError> {
    let broken = |error: WgpuInitError| DeviceError::Broken {
        adapter: adapter.to_owned(),
        reason: error.to_string(),
    };
    options.init().map_err(broken)
}

#[cfg(feature = "vulkan")]
pub(super) fn vulkan() -> Result<SelectedDevice, DeviceError> {
    pinned(DeviceChoice::Vulkan, burn::tensor::wgpu::WgpuBackend::Vulkan)
}

#[cfg(not(feature = "vulkan"))]
pub(super) fn vulkan() -> Result<SelectedDevice, DeviceError> {
    Err(DeviceError::NotCompiled(DeviceChoice::Vulkan, "vulkan"))
}

#[cfg(feature = "metal")]
pub(super) fn metal() -> Result<SelectedDevice, DeviceError> {
    pinned(DeviceChoice::Metal, burn::tensor::wgpu::WgpuBackend::Metal)
}

#[cfg(not(feature = "metal"))]
pub(super) fn metal() -> Result<SelectedDevice, DeviceError> {
    Err(DeviceError::NotCompiled(DeviceChoice::Metal, "metal"))
}

#[cfg(any(feature = "vulkan", feature = "metal"))]
fn pinned(
    choice: DeviceChoice,
    api: burn::tensor::wgpu::WgpuBackend,
) -> Result<SelectedDevice, DeviceError> {
    use burn::tensor::wgpu::{WgpuBackend, wgpu::Backend};
    let wanted = match api {
        WgpuBackend::Metal => Backend::Metal,
        _ => Backend::Vulkan,
    };
    let adapters = adapters();
    let (info, kind) = first_real(adapters.iter().filter(|info| info.backend == wanted))
        .ok_or_else(|| no_adapter(choice, "no GPU with that driver was found"))?;
    let description = describe(&choice.to_string(), info);
    let device = open(Device::wgpu_options().device_kind(kind).graphics_api(api), &description)?;
    Ok(adapter(device, description, true))
}

/// With `vulkan` or `metal` wgpu is given their own languages, which know matrix units.
fn adapter(device: Device, description: String, is_gpu: bool) -> SelectedDevice {
    let matrix_units = cfg!(any(feature = "vulkan", feature = "metal"));
    SelectedDevice { device, description, is_gpu, compiles_kernels: true, matrix_units }
}

fn describe(api: &str, info: &AdapterInfo) -> String {
    format!("{api}: {} ({:?})", info.name, info.backend)
}

/// Every adapter of every compute-capable API, without opening any.
fn adapters() -> Vec<AdapterInfo> {
    // OpenGL is left out: it cannot compute what a UNet needs, and looking for it prints to stderr.
    let descriptor = InstanceDescriptor {
        backends: Backends::PRIMARY,
        ..InstanceDescriptor::new_without_display_handle()
    };
    let instance = Instance::new(descriptor);
    let listing = pin!(instance.enumerate_adapters(Backends::PRIMARY));
    // On native platforms the listing is ready at once; in a browser there is nothing to list.
    match listing.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(adapters) => adapters.iter().map(|adapter| adapter.get_info()).collect(),
        Poll::Pending => Vec::new(),
    }
}
