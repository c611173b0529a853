//! GPUs through wgpu: a real one first, a software rasteriser only if it is asked for by name.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use burn::tensor::wgpu::wgpu::{
    Backend, Backends, DeviceType as AdapterType, Instance, InstanceDescriptor,
};
use burn::tensor::wgpu::{WgpuBackend, WgpuInitError};
use burn::tensor::{Device, DeviceKind};

use crate::device::choice::{DeviceBackend, DeviceChoice, DeviceError, nth};
use crate::device::selected::SelectedDevice;

/// A driver's description of an adapter.
#[derive(Clone)]
struct Info {
    name: String,
    device_type: AdapterType,
    api: Backend,
}

/// An adapter, and Burn's name for it.
struct Adapter {
    info: Info,
    kind: DeviceKind,
}

/// The best real GPU: discrete, then integrated, then virtual. `None` if there is none.
///
/// # Errors
/// [`DeviceError::Broken`] if there is one that cannot be opened.
pub(super) fn best() -> Result<Option<SelectedDevice>, DeviceError> {
    let found = openable(settled(adapters())).into_iter().next();
    let real = found.filter(|adapter| is_known_gpu(adapter.info.device_type));
    real.map(|adapter| adapter.open(DeviceBackend::Wgpu.into())).transpose()
}

/// Opens an adapter of the choice's backend; real GPUs come first, and a software rasteriser counts.
pub(super) fn open(choice: DeviceChoice) -> Result<SelectedDevice, DeviceError> {
    nth(choice, adapters_of(choice.backend), Adapter::listed)?.open(choice)
}

/// The names and kinds of a backend's adapters, in the order of their numbers.
pub(super) fn names(backend: DeviceBackend) -> Vec<(String, &'static str)> {
    adapters_of(backend).iter().map(Adapter::listed).collect()
}

/// The adapters of a backend that Burn can open, the best first.
fn adapters_of(backend: DeviceBackend) -> Vec<Adapter> {
    let all = adapters();
    openable(match pinned(backend) {
        None => settled(all),
        Some((api, _)) => all.into_iter().filter(|info| info.api == api).collect(),
    })
}

/// The graphics API that a backend is bound to, by wgpu's and by Burn's name.
fn pinned(backend: DeviceBackend) -> Option<(Backend, WgpuBackend)> {
    match backend {
        DeviceBackend::Vulkan => Some((Backend::Vulkan, WgpuBackend::Vulkan)),
        DeviceBackend::Metal => Some((Backend::Metal, WgpuBackend::Metal)),
        _ => None,
    }
}

/// The adapters of the graphics API that Burn settles on if none is named: the first API with a GPU, else the
/// first with any adapter. Burn counts adapters within that API.
fn settled(adapters: Vec<Info>) -> Vec<Info> {
    let apis = [Backend::Metal, Backend::Vulkan, Backend::Dx12];
    let of = |api: Backend| adapters.iter().filter(move |info| info.api == api);
    let has_gpu = |api: &Backend| of(*api).any(|info| info.device_type != AdapterType::Cpu);
    let has_any = |api: &Backend| of(*api).next().is_some();
    let api = apis.into_iter().find(has_gpu).or_else(|| apis.into_iter().find(has_any));
    api.map_or_else(Vec::new, |api| of(api).cloned().collect())
}

/// The adapters of one graphics API that Burn can open, the best first. Burn counts within each kind, knows
/// one software rasteriser, and opens an adapter of unknown kind only if it is the only one.
fn openable(adapters: Vec<Info>) -> Vec<Adapter> {
    type Numbered = fn(usize) -> DeviceKind;
    let kinds: [(AdapterType, usize, Numbered); 5] = [
        (AdapterType::DiscreteGpu, usize::MAX, DeviceKind::DiscreteGpu),
        (AdapterType::IntegratedGpu, usize::MAX, DeviceKind::IntegratedGpu),
        (AdapterType::VirtualGpu, usize::MAX, DeviceKind::VirtualGpu),
        (AdapterType::Other, usize::from(adapters.len() == 1), |_| DeviceKind::DefaultDevice),
        (AdapterType::Cpu, 1, |_| DeviceKind::Cpu),
    ];
    let of_kind = |(wanted, most, kind): (AdapterType, usize, Numbered)| {
        let same = adapters.iter().filter(move |info| info.device_type == wanted).take(most);
        same.enumerate().map(move |(n, info)| Adapter { info: info.clone(), kind: kind(n) })
    };
    kinds.into_iter().flat_map(of_kind).collect()
}

fn is_known_gpu(kind: AdapterType) -> bool {
    !matches!(kind, AdapterType::Cpu | AdapterType::Other)
}

impl Adapter {
    /// Its name and kind, readable for people.
    fn listed(&self) -> (String, &'static str) {
        let kind = match self.info.device_type {
            AdapterType::DiscreteGpu => "discrete GPU",
            AdapterType::IntegratedGpu => "integrated GPU",
            AdapterType::VirtualGpu => "virtual GPU",
            AdapterType::Cpu => "software rasteriser",
            AdapterType::Other => "unknown kind",
        };
        (format!("{} ({:?})", self.info.name, self.info.api), kind)
    }

    /// Opens the adapter. Burn opens each only once per process: a second call fails.
    fn open(self, choice: DeviceChoice) -> Result<SelectedDevice, DeviceError> {
        let name = format!("{choice}: {}", self.listed().0);
        let options = Device::wgpu_options().device_kind(self.kind);
        let options = match pinned(choice.backend) {
            Some((_, api)) => options.graphics_api(api),
            None => options,
        };
        let broken = |error: WgpuInitError| DeviceError::Broken {
            adapter: name.clone(),
            reason: error.to_string(),
        };
        let device = options.init().map_err(broken)?;
        let (is_gpu, remark) = match self.info.device_type {
            AdapterType::Cpu => (false, ", a software rasteriser: slow"),
            AdapterType::Other => (true, ", of an unknown kind"),
            _ => (true, ""),
        };
        Ok(SelectedDevice {
            device,
            description: name + remark,
            is_gpu,
            compiles_kernels: true,
            // With `vulkan` or `metal`, shaders are written in their languages, which can use matrix units.
            matrix_units: cfg!(any(feature = "vulkan", feature = "metal")),
        })
    }
}

/// Every adapter of every API that can compute; none is opened.
fn adapters() -> Vec<Info> {
    // OpenGL is left out: it cannot compute what a UNet needs, and looking for it prints to stderr.
    let descriptor = InstanceDescriptor {
        backends: Backends::PRIMARY,
        ..InstanceDescriptor::new_without_display_handle()
    };
    let instance = Instance::new(descriptor);
    let listing = pin!(instance.enumerate_adapters(Backends::PRIMARY));
    // On native platforms the list is ready at once; in a browser there is nothing to list.
    match listing.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(adapters) => {
            let infos = adapters.iter().map(|adapter| adapter.get_info());
            infos
                .map(|found| Info {
                    name: found.name,
                    device_type: found.device_type,
                    api: found.backend,
                })
                .collect()
        }
        Poll::Pending => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(name: &str, device_type: AdapterType, api: Backend) -> Info {
        Info { name: name.to_owned(), device_type, api }
    }

    /// Two discrete GPUs behind an integrated one and a rasteriser, seen by two drivers.
    #[test]
    fn gpus_are_numbered_as_burn_counts_them_the_best_first() {
        use AdapterType::{Cpu, DiscreteGpu, IntegratedGpu, Other};
        let of = |api: Backend| {
            [
                ("L", Cpu),
                ("I", IntegratedGpu),
                ("A", DiscreteGpu),
                ("X", Other),
                ("B", DiscreteGpu),
                ("M", Cpu),
            ]
            .map(|(name, kind)| adapter(name, kind, api))
        };
        let all = [of(Backend::Dx12), of(Backend::Vulkan)].concat();
        let found = openable(settled(all));
        let named: Vec<_> = found.iter().map(|found| (&found.info.name[..], &found.kind)).collect();
        let expected = [
            ("A", &DeviceKind::DiscreteGpu(0)),
            ("B", &DeviceKind::DiscreteGpu(1)),
            ("I", &DeviceKind::IntegratedGpu(0)),
            ("L", &DeviceKind::Cpu),
        ];
        assert_eq!(named, expected);
        assert!(found.iter().all(|found| found.info.api == Backend::Vulkan));
    }

    #[test]
    fn an_api_with_a_gpu_comes_before_one_with_a_rasteriser() {
        let rasteriser = adapter("L", AdapterType::Cpu, Backend::Vulkan);
        let real = adapter("A", AdapterType::DiscreteGpu, Backend::Dx12);
        let settled = |adapters: &[&Info]| {
            let found = openable(settled(adapters.iter().map(|&info| info.clone()).collect()));
            found.into_iter().map(|found| found.info.name).collect::<Vec<_>>()
        };
        assert_eq!(settled(&[&rasteriser, &real]), ["A"]);
        assert_eq!(settled(&[&rasteriser]), ["L"]);
        assert!(settled(&[]).is_empty());
    }
}
