//! Start noise from a file.

use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors};

use super::images::Images;
use crate::error::SampleError;

/// Reads start noise: tensor `noise`, f32 `[B, C, H, W]`, of a safetensors file. `shape` is the model's C, H, W.
///
/// # Errors
/// [`SampleError::File`] if the file is malformed, or the noise not finite or not of `shape`.
pub fn read_noise(path: &Path, shape: [usize; 3]) -> Result<Images, SampleError> {
    let wrong = |problem: String| SampleError::file(path, problem);
    if path.exists() && !path.is_file() {
        return Err(wrong("is no file".to_owned())); // a device would be read for ever
    }
    let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|error| wrong(format!("not a safetensors file: {error}")))?;
    let view = file.tensor("noise").map_err(|_| wrong("has no tensor `noise`".to_owned()))?;
    let &[n, c, h, w] = view.shape() else {
        return Err(wrong(format!("`noise` has shape {:?}; [B, C, H, W] is needed", view.shape())));
    };
    if view.dtype() != Dtype::F32 {
        return Err(wrong(format!("`noise` is {:?}; f32 is needed", view.dtype())));
    }
    if [c, h, w] != shape || n == 0 {
        return Err(wrong(format!(
            "`noise` has shape {:?}; the model draws [B, {}, {}, {}]",
            view.shape(),
            shape[0],
            shape[1],
            shape[2]
        )));
    }
    let values: Vec<f32> = view
        .data()
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .collect();
    if values.iter().any(|value| !value.is_finite()) {
        return Err(wrong("`noise` holds NaN or infinity".to_owned()));
    }
    Ok(Images { values, shape: [n, c, h, w] })
}
