//! A network before its first step.

use burn::tensor::Device;
use halfstep_core::rng::{Purpose, Stream};
use halfstep_model::{UNet, UNetConfig};

use crate::error::TrainError;

/// A network before its first step. The seed determines every weight.
///
/// # Errors
/// [`TrainError::Model`] for a configuration that is not valid.
pub(crate) fn initial_network(
    config: &UNetConfig,
    seed: u64,
    device: &Device,
) -> Result<UNet, TrainError> {
    let drawn = &mut |parameter, count| weight_uniforms(seed, parameter, count);
    Ok(UNet::init(config, device, drawn)?)
}

/// Uniform numbers in `[0, 1)` for the initial values of a parameter.
pub(crate) fn weight_uniforms(seed: u64, parameter: u64, count: usize) -> Vec<f32> {
    let mut stream = Stream::new(seed, Purpose::WeightInit, parameter);
    (0..count).map(|_| stream.uniform() as f32).collect()
}
