//! GPUs through wgpu: a real one first, a software rasteriser only when asked for by name.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use burn::tensor::wgpu::wgpu::{
    AdapterInfo, Backends, DeviceType as AdapterType, Instance, InstanceDescriptor,
};
use burn::tensor::{Device, DeviceKind};

use super::{DeviceChoice, DeviceError, SelectedDevice, no_adapter};

/// The best real GPU: discrete, then integrated, then virtual. `None` if there is none.
pub(super) fn best() -> Option<SelectedDevice> {
    let adapters = adapters();
    let kinds = [
        (AdapterType::DiscreteGpu, DeviceKind::DiscreteGpu(0)),
        (AdapterType::IntegratedGpu, DeviceKind::IntegratedGpu(0)),
        (AdapterType::VirtualGpu, DeviceKind::VirtualGpu(0)),
    ];
    kinds.into_iter().find_map(|(wanted, kind)| {
        let info = adapters.iter().find(|info| info.device_type == wanted)?;
        let device = Device::wgpu_options().device_kind(kind).init().ok()?;
        Some(SelectedDevice { device, description: describe("wgpu", info), is_gpu: true })
    })
}

/// Whatever adapter there is, real ones first; a software rasteriser counts, and is named.
pub(super) fn wgpu() -> Result<SelectedDevice, DeviceError> {
    if let Some(found) = best() {
        return Ok(found);
    }
    let adapters = adapters();
    let info = adapters
        .iter()
        .find(|info| info.device_type == AdapterType::Cpu)
        .or(adapters.first())
        .ok_or_else(|| {
            no_adapter(
                DeviceChoice::Wgpu,
                "no graphics adapter was found (is a Vulkan, Metal or DX12 driver installed?)",
            )
        })?;
    let kind = if info.device_type == AdapterType::Cpu {
        DeviceKind::Cpu
    } else {
        DeviceKind::DefaultDevice
    };
    let device = Device::wgpu_options()
        .device_kind(kind)
        .init()
        .map_err(|error| no_adapter(DeviceChoice::Wgpu, error.to_string()))?;
    let description = format!("{}, a software rasteriser: slow", describe("wgpu", info));
    Ok(SelectedDevice { device, description, is_gpu: false })
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
    let adapters = adapters();
    let info = adapters
        .iter()
        .find(|info| is_real(info))
        .ok_or_else(|| no_adapter(choice, "no GPU with that driver was found"))?;
    let device = Device::wgpu_options()
        .graphics_api(api)
        .init()
        .map_err(|error| no_adapter(choice, error.to_string()))?;
    Ok(SelectedDevice { device, description: describe(&choice.to_string(), info), is_gpu: true })
}

#[cfg(any(feature = "vulkan", feature = "metal"))]
fn is_real(info: &AdapterInfo) -> bool {
    matches!(
        info.device_type,
        AdapterType::DiscreteGpu | AdapterType::IntegratedGpu | AdapterType::VirtualGpu
    )
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
