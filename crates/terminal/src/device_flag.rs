//! `--device`: its value, and errors of devices with the flag that mends them.

use halfstep_model::{DeviceChoice, DeviceError, SelectedDevice};

/// Parses the value of `--device`.
///
/// # Errors
/// A sentence that names the accepted values.
pub fn device_arg(text: &str) -> Result<DeviceChoice, String> {
    text.parse().map_err(|error| device_advice(&error))
}

/// Opens the device of `--device`.
///
/// # Errors
/// [`DeviceError`] with what to do about it on the command line.
pub fn select_device(choice: DeviceChoice) -> anyhow::Result<SelectedDevice> {
    choice.select().map_err(|error| anyhow::anyhow!(device_advice(&error)))
}

/// An error of a device as a sentence with the flag that mends it.
fn device_advice(error: &DeviceError) -> String {
    match error {
        DeviceError::Unknown { .. } => format!("{error}; `--device list` lists what there is"),
        DeviceError::NotCompiled { backend, feature } => {
            format!("--device {backend}: {error}; build with `--features {feature}`")
        }
        DeviceError::NoAdapter { backend } => {
            format!("--device {backend}: {error}; `--device cpu` always works")
        }
        DeviceError::Broken { .. } => format!("{error}, or add `--device cpu`"),
        DeviceError::NotNumbered { .. } | DeviceError::OutOfRange { .. } => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_devices_say_which_flag_mends_them() {
        let error = device_arg("gpu").unwrap_err();
        assert!(error.contains("unknown device") && error.contains("`--device list`"), "{error}");
        let backend = halfstep_model::DeviceBackend::Rocm;
        let missing = DeviceError::NotCompiled { backend, feature: "rocm" };
        let advice = device_advice(&missing);
        assert!(advice.starts_with("--device rocm: ") && advice.contains("`--features rocm`"));
    }
}
