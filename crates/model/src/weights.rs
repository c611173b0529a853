//! Weights as PyTorch safetensors, with diffusers' parameter names.

use std::path::Path;

use burn::store::{
    BurnToPyTorchAdapter, FloatCastAdapter, ModuleAdapter, ModuleSnapshot, PyTorchToBurnAdapter,
    SafetensorsStore,
};
use burn::tensor::{DType, Tensor};

use crate::device_problem::device_problem;
use crate::error::ModelError;
use crate::params::{flat_params, param_names};
use crate::unet::UNet;

/// Writes the parameters to `path`, which must not exist or be a file to replace.
///
/// # Errors
/// [`ModelError::Weights`] with the reason, for instance a full disk.
pub fn save_weights(unet: &UNet, path: &Path) -> Result<(), ModelError> {
    let mut store = SafetensorsStore::from_file(path)
        .clear_metadata()
        .metadata("format", "pt") // transformers and diffusers refuse files without it
        .with_to_adapter(BurnToPyTorchAdapter)
        .overwrite(true);
    unet.save_into(&mut store).map_err(|error| ModelError::Weights {
        path: path.to_path_buf(),
        problem: format!("cannot write the weights: {error}"),
    })
}

/// Reads the parameters of `unet` from `path`. Files of f16, bf16 or f64 are converted: everything
/// here computes in f32.
///
/// # Errors
/// [`ModelError::Io`] if the file cannot be opened; [`ModelError::Weights`] if it is not a
/// safetensors file, a tensor is missing, left over, of the wrong shape or type, or not finite.
pub fn load_weights(mut unet: UNet, path: &Path) -> Result<UNet, ModelError> {
    std::fs::File::open(path).map_err(ModelError::io(path))?;
    let wrong = |problem: String| ModelError::Weights { path: path.to_path_buf(), problem };
    let mut store = SafetensorsStore::from_file(path)
        .with_from_adapter(PyTorchToBurnAdapter.chain(FloatCastAdapter::to(DType::F32)))
        .validate(false)
        .allow_partial(true);
    let result = unet
        .load_from(&mut store)
        .map_err(|error| wrong(format!("not a readable safetensors file: {error}")))?;
    if let Some(error) = result.errors.first() {
        return Err(wrong(format!("does not fit the network in config.json: {error}")));
    }
    if !result.missing.is_empty() {
        let names = result.missing.iter().map(|(name, _)| name.as_str());
        return Err(wrong(format!("lacks tensors that config.json asks for: {}", list(names))));
    }
    if !result.unused.is_empty() {
        let names = result.unused.iter().map(String::as_str);
        return Err(wrong(format!(
            "has tensors that config.json does not ask for: {}",
            list(names)
        )));
    }
    if let Some(name) = first_not_finite(&unet)? {
        return Err(wrong(format!("tensor `{name}` holds NaN or infinity")));
    }
    Ok(unet)
}

/// The name of the first parameter that holds NaN or infinity. Reads once from the device, for all.
///
/// # Errors
/// [`ModelError::Device`] if the device failed.
pub fn first_not_finite(unet: &UNet) -> Result<Option<String>, ModelError> {
    let sums = flat_params(unet).into_iter().map(Tensor::sum).collect();
    let sums = Tensor::cat(sums, 0)
        .try_into_data()
        .map_err(|error| ModelError::Device { problem: device_problem(&error) })?;
    let which = sums.iter::<f32>().position(|sum| !sum.is_finite());
    Ok(which.and_then(|which| param_names(unet).into_iter().nth(which)))
}

/// The first few names and how many more.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let shown = names.iter().take(4).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(4) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
