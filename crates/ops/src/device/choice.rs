//! A device by name and number: `auto`, `cpu`, `wgpu:1`.

use std::fmt;
use std::str::FromStr;

/// A library that computes, and the driver that it uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceBackend {
    /// A real GPU if there is one, else the CPU. Never a software rasteriser.
    #[default]
    Auto,
    /// The CPU (burn-flex).
    Cpu,
    /// wgpu with WGSL shaders, through Vulkan, Metal or DX12, whichever the system prefers.
    Wgpu,
    /// wgpu on Vulkan with SPIR-V shaders.
    Vulkan,
    /// wgpu on Metal with MSL shaders.
    Metal,
    /// NVIDIA CUDA.
    Cuda,
    /// AMD ROCm.
    Rocm,
    /// The deprecated burn-ndarray on the CPU, to compare backends.
    Ndarray,
}

impl DeviceBackend {
    /// Every backend, compiled in or not.
    pub const ALL: [Self; 8] = [
        Self::Auto,
        Self::Cpu,
        Self::Wgpu,
        Self::Vulkan,
        Self::Metal,
        Self::Cuda,
        Self::Rocm,
        Self::Ndarray,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Wgpu => "wgpu",
            Self::Vulkan => "vulkan",
            Self::Metal => "metal",
            Self::Cuda => "cuda",
            Self::Rocm => "rocm",
            Self::Ndarray => "ndarray",
        }
    }

    /// Whether it can have several devices.
    fn is_numbered(self) -> bool {
        !matches!(self, Self::Auto | Self::Cpu | Self::Ndarray)
    }
}

impl fmt::Display for DeviceBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A backend and one of its devices, as in `auto`, `wgpu`, `cuda:1`. [`FromStr`] reads these names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceChoice {
    /// The backend.
    pub backend: DeviceBackend,
    /// The number of its device, as in [`list_devices`](crate::device::list_devices); `None` is the first.
    pub index: Option<usize>,
}

impl From<DeviceBackend> for DeviceChoice {
    fn from(backend: DeviceBackend) -> Self {
        Self { backend, index: None }
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let (name, index) = match text.split_once(':') {
            Some((name, index)) => (name, Some(index)),
            None => (text, None),
        };
        let named = |backend: &DeviceBackend| backend.name() == name;
        let unknown = || DeviceError::Unknown { text: text.to_owned() };
        let backend = DeviceBackend::ALL.into_iter().find(named).ok_or_else(unknown)?;
        let Some(index) = index else { return Ok(backend.into()) };
        match index.parse() {
            _ if !backend.is_numbered() => Err(DeviceError::NotNumbered { backend }),
            Ok(index) => Ok(Self { backend, index: Some(index) }),
            Err(_) => Err(unknown()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            None => self.backend.fmt(f),
            Some(index) => write!(f, "{}:{index}", self.backend),
        }
    }
}

/// A device that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// A text that names no device.
    #[error(
        "{text:?} is an unknown device; one of auto, cpu, wgpu, vulkan, metal, cuda, rocm, ndarray, or one of \
         several GPUs by its number, such as wgpu:1"
    )]
    Unknown {
        /// The text.
        text: String,
    },
    /// A number for a backend that has one device.
    #[error(
        "{backend} takes no number; the numbered devices are those of wgpu, vulkan, metal, cuda and rocm"
    )]
    NotNumbered {
        /// The backend.
        backend: DeviceBackend,
    },
    /// A backend that this program was built without.
    #[error("this program was built without {backend} (feature `{feature}`)")]
    NotCompiled {
        /// The backend.
        backend: DeviceBackend,
        /// The Cargo feature that builds it.
        feature: &'static str,
    },
    /// A backend without any device.
    #[error("{}", nothing_found(*backend))]
    NoAdapter {
        /// The backend.
        backend: DeviceBackend,
    },
    /// A number beyond the last device.
    #[error("there is no {choice}; there is {}", list(there))]
    OutOfRange {
        /// The number that was asked for.
        choice: DeviceChoice,
        /// The devices that there are; never empty.
        there: Vec<ListedDevice>,
    },
    /// A GPU that is there and does not work.
    #[error("{adapter} was found but cannot be used: {reason}; mend its driver")]
    Broken {
        /// The GPU.
        adapter: String,
        /// The error of the driver.
        reason: String,
    },
}

impl DeviceError {
    pub(super) fn not_compiled(backend: DeviceBackend) -> Self {
        let feature = match backend {
            DeviceBackend::Cpu => "flex",
            other => other.name(),
        };
        Self::NotCompiled { backend, feature }
    }
}

fn nothing_found(backend: DeviceBackend) -> &'static str {
    match backend {
        DeviceBackend::Vulkan => "no adapter with a Vulkan driver was found",
        DeviceBackend::Metal => "no adapter with a Metal driver was found",
        DeviceBackend::Cuda => "no CUDA device was found",
        DeviceBackend::Rocm => "no ROCm device was found",
        _ => "no graphics adapter was found (is a Vulkan, Metal or DX12 driver installed?)",
    }
}

/// A device that exists, not opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedDevice {
    /// The name to ask for it by.
    pub choice: DeviceChoice,
    /// The driver's name of it.
    pub name: String,
    /// `CPU`, `discrete GPU`, `software rasteriser`, ...
    pub kind: &'static str,
}

fn list(there: &[ListedDevice]) -> String {
    let names = there.iter().map(|device| {
        let ListedDevice { choice, name, kind } = device;
        format!("{choice} ({name}, {kind})")
    });
    names.collect::<Vec<_>>().join(", ")
}

/// The device of the chosen number among those that there are; the first without a number.
pub(super) fn nth<T>(
    choice: DeviceChoice,
    mut found: Vec<T>,
    listed: impl Fn(&T) -> (String, &'static str),
) -> Result<T, DeviceError> {
    let index = choice.index.unwrap_or(0);
    if found.is_empty() {
        return Err(DeviceError::NoAdapter { backend: choice.backend });
    }
    if index < found.len() {
        return Ok(found.swap_remove(index));
    }
    let there = found.iter().enumerate().map(|(index, device)| {
        let (name, kind) = listed(device);
        let choice = DeviceChoice { index: Some(index), ..choice };
        ListedDevice { choice, name, kind }
    });
    Err(DeviceError::OutOfRange { choice, there: there.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_read_and_written() {
        for backend in DeviceBackend::ALL {
            let name = backend.to_string();
            assert_eq!(name.parse::<DeviceChoice>().unwrap(), backend.into());
            let numbered = DeviceChoice { backend, index: Some(12) };
            assert_eq!(numbered.to_string(), format!("{name}:12"));
            match numbered.to_string().parse::<DeviceChoice>() {
                Ok(read) => assert!(backend.is_numbered() && read == numbered, "{name}"),
                Err(error) => {
                    assert!(!backend.is_numbered() && error.to_string().contains("takes no number"))
                }
            }
        }
        for wrong in ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1:2", ":1", "CUDA", "list"] {
            let error = wrong.parse::<DeviceChoice>().unwrap_err().to_string();
            assert!(error.contains("unknown device"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_number_beyond_the_last_device_lists_what_there_is() {
        let choose = |text: &str, found: &[&'static str]| {
            let listed = |name: &&'static str| ((*name).to_owned(), "discrete GPU");
            nth(text.parse().unwrap(), found.to_vec(), listed)
        };
        assert_eq!(choose("wgpu", &["A", "B"]).unwrap(), "A");
        assert_eq!(choose("wgpu:0", &["A", "B"]).unwrap(), "A");
        assert_eq!(choose("wgpu:1", &["A", "B"]).unwrap(), "B");
        let error = choose("cuda:2", &["A", "B"]).unwrap_err().to_string();
        let there =
            "there is no cuda:2; there is cuda:0 (A, discrete GPU), cuda:1 (B, discrete GPU)";
        assert_eq!(error, there);
        let error = choose("cuda:0", &[]).unwrap_err().to_string();
        assert!(error.contains("no CUDA device was found"), "{error}");
    }
}
