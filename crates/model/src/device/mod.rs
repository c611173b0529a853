//! Devices: from a name to a Burn device, and what a device can compute in.

mod choice;
mod precision;
mod problem;
mod select;

pub use choice::{DeviceBackend, DeviceChoice, DeviceError, ListedDevice};
pub use precision::{Precision, PrecisionError};
pub use problem::device_problem;
pub use select::{SelectedDevice, list_devices};
