//! Whether a device computes what the CPU computes.

use burn::tensor::{Device, Tensor, TensorData};
use halfstep_core::rng::{Purpose, noise};
use halfstep_model::{
    ClassInput, DeviceBackend, ModelFolder, SelectedDevice, UNet, flat_params, with_flat_params,
};

use crate::error::SampleError;

/// Images of the batch: several, so that images of one batch could be mixed up.
const BATCH: usize = 4;

/// Largest relative difference of outputs that rounding explains: f32 sums in another order differ by 1e-5 after
/// sixty layers. A wrong kernel is off by its own size.
pub const ROUNDING: f64 = 1e-4;

/// The same with matrix units: TF32 rounds factors to 1e-3.
pub const MATRIX_UNITS: f64 = 1e-2;

/// The largest difference over `size`; infinite if anything is not a number, or missing.
pub fn relative_difference(found: &[f32], expected: &[f32], size: f64) -> f64 {
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let pairs = found.iter().zip(expected);
    let worst = pairs
        .map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs())
        .map(|difference| if difference.is_finite() { difference } else { f64::INFINITY })
        .fold(0.0, f64::max);
    if worst == 0.0 { 0.0 } else { worst / size }
}

/// The largest magnitude.
pub fn largest(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(value.abs())).fold(0.0, f64::max)
}

/// Compares a model that lies on `device` with the same model on the CPU: its outputs for one small batch. Returns a
/// line for the user about the result. Does nothing, and returns `None`, on devices that need no check
/// ([`SelectedDevice::must_be_checked`]).
///
/// # Errors
/// [`SampleError::Disagrees`] if the difference is larger than rounding, on matrix units or off them,
/// explains; [`SampleError::Device`] if the device fails.
pub fn compare_with_cpu(
    model: &ModelFolder,
    device: &SelectedDevice,
) -> Result<Option<String>, SampleError> {
    if !device.must_be_checked() {
        return Ok(None);
    }
    let Ok(cpu) = DeviceBackend::Cpu.select() else { return Ok(Some(not_compared(device))) };
    let expected = output(&on_device(&model.unet, &cpu.device)?, model, &cpu.device)?;
    let found = output(&model.unet, model, &device.device)?;
    let difference = relative_difference(&found, &expected, largest(&expected));
    verdict(device, "outputs", difference).map(Some)
}

/// A line about a device that cannot be compared, because the program was built without the CPU's backend.
pub fn not_compared(device: &SelectedDevice) -> String {
    format!(
        "note: nothing checked what {} computes: this program was built without the CPU (`flex`)",
        device.description
    )
}

/// A line about the relative difference of a network's `what` on a device and on the CPU.
///
/// # Errors
/// [`SampleError::Disagrees`].
pub fn verdict(
    device: &SelectedDevice,
    what: &'static str,
    difference: f64,
) -> Result<String, SampleError> {
    let name = &device.description;
    match difference {
        small if small <= ROUNDING => Ok(format!(
            "{name} computes what the CPU computes: a network's {what} differ by {difference:.1e}"
        )),
        rounded if rounded <= MATRIX_UNITS && device.matrix_units => Ok(format!(
            "note: {name} rounds the factors of products on its matrix units: a network's {what} differ from \
             the CPU's by {difference:.1e}"
        )),
        _ => Err(SampleError::Disagrees { device: name.clone(), what, difference }),
    }
}

fn on_device(unet: &UNet, device: &Device) -> Result<UNet, SampleError> {
    let values = flat_params(unet).into_iter().map(|value| {
        let data = value.try_into_data().map_err(SampleError::device)?;
        Ok(Tensor::from_data(data, device))
    });
    let values = values.collect::<Result<_, SampleError>>()?;
    let empty = UNet::zeroed(unet.config(), device)?;
    Ok(with_flat_params(empty, values))
}

/// The network's output for noise at times from one end of the schedule to the other.
fn output(unet: &UNet, model: &ModelFolder, device: &Device) -> Result<Vec<f32>, SampleError> {
    let config = unet.config();
    let [height, width] = config.image_sides();
    let shape = [BATCH, config.in_channels, height, width];
    let values = noise(0, Purpose::Evaluation, 0..BATCH as u64, shape[1..].iter().product());
    let z = Tensor::<4>::from_data(TensorData::new(values, shape), device);
    let spread = |k: usize| (k as f64 + 0.5) / BATCH as f64 * model.schedule.len() as f64;
    let times: Vec<f64> = (0..BATCH).map(spread).collect();
    let labels: Option<Vec<u32>> = match config.class_input() {
        ClassInput::None => None,
        ClassInput::Table(classes) => Some((0..BATCH).map(|k| (k % classes) as u32).collect()),
        ClassInput::Number => Some((0..BATCH as u32).collect()),
    };
    let output = unet.forward(z, &times, labels.as_deref(), None);
    let data = output.try_into_data().map_err(SampleError::device)?;
    Ok(data.iter::<f32>().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_rounding_matrix_units_or_a_fault() {
        let mut device = DeviceBackend::Cpu.select().unwrap();
        let line = |device: &SelectedDevice, difference| verdict(device, "outputs", difference);
        let agrees = line(&device, 3e-6).unwrap();
        assert!(agrees.contains("computes what the CPU computes"), "{agrees}");
        for wrong in [1e-3, 0.25, f64::INFINITY, f64::NAN] {
            let error = line(&device, wrong).unwrap_err().to_string();
            assert!(error.contains("does not compute what the CPU computes"), "{error}");
        }
        device.matrix_units = true;
        let rounds = line(&device, 9e-4).unwrap();
        assert!(rounds.contains("matrix units") && rounds.contains("9.0e-4"), "{rounds}");
        assert!(line(&device, 0.25).is_err() && line(&device, f64::NAN).is_err());
    }

    #[test]
    fn what_is_missing_or_no_number_is_infinitely_far() {
        assert_eq!(relative_difference(&[1.0, 2.0], &[1.0, 2.5], 2.5), 0.2);
        assert_eq!(relative_difference(&[0.0], &[0.0], 0.0), 0.0);
        assert_eq!(relative_difference(&[1.0], &[1.0, 2.0], 2.0), f64::INFINITY);
        assert_eq!(relative_difference(&[f32::NAN], &[1.0], 1.0), f64::INFINITY);
    }
}
