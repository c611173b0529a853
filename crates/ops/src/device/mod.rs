//! Devices: from a name to a Burn device, and what a device can compute in.

mod choice;
#[cfg(feature = "wgpu")]
mod gpu;
#[cfg(not(feature = "wgpu"))]
#[path = "no_gpu.rs"]
mod gpu;
mod list;
mod precision;
mod problem;
mod select;
mod selected;
mod vendor;

pub use choice::{DeviceBackend, DeviceChoice, DeviceError, ListedDevice};
pub use list::list_devices;
pub use precision::{Precision, PrecisionError};
pub use problem::device_problem;
pub use selected::SelectedDevice;
