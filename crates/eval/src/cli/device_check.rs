//! Whether a device makes the features that the CPU makes.

use crate::{Batch, EvalError, Features, Pictures};
use anyhow::Context;
use burn::tensor::Device;
use halfstep_data::{Purpose, noise};
use halfstep_model::DeviceBackend;
use halfstep_sample::{largest, relative_difference, say_unchecked, verdict};

use crate::cli::job::Job;

/// Height, width and number of the images that are tried, which are grey: every network takes them.
const SIDE: usize = 32;
const IMAGES: u64 = 2;

/// Holds a network on the device against the same on the CPU, where the device has to show what it computes, and
/// says what was found.
pub fn check_features<N>(
    network: &N,
    job: &Job,
    load: impl Fn(&Device) -> Result<N, EvalError>,
    features: impl Fn(&N, &Batch) -> Result<Features, EvalError>,
) -> anyhow::Result<()> {
    if !job.device.must_be_checked() {
        return Ok(());
    }
    let Ok(cpu) = DeviceBackend::Cpu.select() else {
        say_unchecked(&job.device);
        return Ok(());
    };
    let values = noise(0, Purpose::Evaluation, 0..IMAGES, SIDE * SIDE);
    let bytes = values.into_iter().map(|value| (128.0 + 40.0 * value) as u8).collect();
    let pictures = Pictures::from_bytes("noise".to_owned(), bytes, [SIDE, SIDE, 1])?;
    let batch = pictures.batch(0, IMAGES as usize)?.context("no images")?;
    let found = features(network, &batch)?.into_values();
    let expected = features(&load(&cpu.device)?, &batch)?.into_values();
    let difference = relative_difference(&found, &expected, largest(&expected));
    halfstep_sample::say!("{}", verdict(&job.device, "features", difference)?);
    Ok(())
}
