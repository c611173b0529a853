//! What a user may ask for as a device, by name and number.

use std::fmt;
use std::str::FromStr;

/// What computes: a library, and the driver it goes through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceBackend {
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

    /// Whether it may have several devices.
    fn is_numbered(self) -> bool {
        !matches!(self, Self::Auto | Self::Cpu | Self::Ndarray)
    }
}

impl fmt::Display for DeviceBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the user asked for: `auto`, `wgpu`, `cuda:1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceChoice {
    /// What computes.
    pub backend: DeviceBackend,
    /// Which of its devices, as [`list_devices`](crate::list_devices) numbers them; `None` is the first.
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
        let unknown = || DeviceError::Unknown(text.to_owned());
        let backend = DeviceBackend::ALL.into_iter().find(named).ok_or_else(unknown)?;
        let Some(index) = index else { return Ok(backend.into()) };
        match index.parse() {
            _ if !backend.is_numbered() => Err(DeviceError::NotNumbered(backend)),
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

/// A device that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// Not a device name.
    #[error(
        "--device {0}: unknown device; one of auto, cpu, wgpu, vulkan, metal, cuda, rocm, ndarray, or one of several \
         GPUs by its number, such as wgpu:1; `--device list` lists what there is"
    )]
    Unknown(String),
    /// A number where there is one device only.
    #[error(
        "{0} takes no number; the numbered devices are those of wgpu, vulkan, metal, cuda and rocm"
    )]
    NotNumbered(DeviceBackend),
    /// A backend that this binary was built without.
    #[error("--device {0}: this program was built without it; build with `--features {1}`")]
    NotCompiled(DeviceBackend, &'static str),
    /// No adapter of that kind.
    #[error("--device {0}: {1}; `--device cpu` always works")]
    NoAdapter(DeviceBackend, String),
    /// Fewer devices than the number asked for.
    #[error("there is no {choice}; there is {}", list(there))]
    OutOfRange {
        /// What was asked for.
        choice: DeviceChoice,
        /// Those that there are; never empty.
        there: Vec<ListedDevice>,
    },
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

/// A device that there is, not opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedDevice {
    /// How to ask for it.
    pub choice: DeviceChoice,
    /// What its driver calls it.
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

/// The device of this number among those that there are; the first without one.
#[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm", test))]
pub(crate) fn nth<T>(
    choice: DeviceChoice,
    mut found: Vec<T>,
    listed: impl Fn(&T) -> (String, &'static str),
    none: &str,
) -> Result<T, DeviceError> {
    let index = choice.index.unwrap_or(0);
    if found.is_empty() {
        return Err(DeviceError::NoAdapter(choice.backend, none.to_owned()));
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
            nth(text.parse().unwrap(), found.to_vec(), listed, "nothing is there")
        };
        assert_eq!(choose("wgpu", &["A", "B"]).unwrap(), "A");
        assert_eq!(choose("wgpu:0", &["A", "B"]).unwrap(), "A");
        assert_eq!(choose("wgpu:1", &["A", "B"]).unwrap(), "B");
        let error = choose("cuda:2", &["A", "B"]).unwrap_err().to_string();
        let there =
            "there is no cuda:2; there is cuda:0 (A, discrete GPU), cuda:1 (B, discrete GPU)";
        assert_eq!(error, there);
        let error = choose("cuda:0", &[]).unwrap_err().to_string();
        assert!(error.contains("nothing is there"), "{error}");
    }
}
