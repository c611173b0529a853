//! The images of an npz file.

use std::path::Path;

use npyz::Order;

use super::{ImageSet, PixelBytes};
use crate::error::EvalError;
use crate::images::archive::{missing_array, npz_arrays, open, type_name};

/// Largest set in memory: a compressed file may claim a thousand times its own size.
const MAX_BYTES: u64 = 16 << 30;

impl ImageSet {
    /// Array `arr_0` of an npz file: uint8 `[N, H, W, C]` with C = 1 or 3, as halfstep's and ADM's samplers write
    /// it.
    ///
    /// # Errors
    /// [`EvalError::Images`] naming the file.
    pub fn from_npz(path: &Path) -> Result<Self, EvalError> {
        let wrong = |problem: String| EvalError::images(path, problem);
        let mut archive = open(path)?;
        let array = archive.by_name("arr_0").map_err(|error| wrong(error.to_string()))?;
        let Some(array) = array else {
            return Err(missing_array(path, "`arr_0`", &npz_arrays(path)?));
        };
        let [count, height, width, channels] = layout(array.shape()).map_err(wrong)?;
        if array.order() != Order::C {
            let remedy = "numpy.ascontiguousarray makes a copy in row-major order";
            return Err(wrong(format!("`arr_0` is column-major; it must be row-major: {remedy}")));
        }
        let each = u64::checked_mul(height, width).and_then(|each| each.checked_mul(channels));
        let whole = each.and_then(|each| each.checked_mul(count));
        if whole.is_none_or(|bytes| bytes > MAX_BYTES) {
            let shape = [count, height, width, channels];
            return Err(wrong(format!("`arr_0` has shape {shape:?}: more than 16 GiB of images")));
        }
        let dtype = array.dtype();
        let not_bytes = |_| {
            let found = type_name(&dtype);
            wrong(format!("`arr_0` is {found}, not uint8; values from 0 to 255 are needed"))
        };
        let values = array.data::<u8>().map_err(not_bytes)?;
        // Collected as the bytes come: memory is not reserved for what the header claims.
        let bytes: Vec<u8> =
            values.collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))?;
        if each == Some(0) || whole != Some(bytes.len() as u64) {
            return Err(wrong("`arr_0` has fewer values than its shape claims".to_owned()));
        }
        let (height, width, channels) = (height as usize, width as usize, channels as usize);
        let name = path.display().to_string();
        Ok(Self::in_memory(name, PixelBytes { bytes, height, width, channels }))
    }
}

/// N, H, W and C of an array of images.
///
/// # Errors
/// What is wrong with the shape, in words.
fn layout(shape: &[u64]) -> Result<[u64; 4], String> {
    let problem = match *shape {
        [0, ..] => "there are no images",
        [count, height, width, channels @ (1 | 3)] => return Ok([count, height, width, channels]),
        [_, 1 | 3, _, _] => {
            "channels come second (NCHW); they must come last: numpy.transpose(images, (0, 2, 3, 1))"
        }
        [_, _, _, _] => "images must be of 1 or 3 channels, grey or RGB",
        [_, _, _] => "[N, H, W, C] is needed; images[..., None] has one channel",
        _ => "[N, H, W, C] is needed",
    };
    Err(format!("`arr_0` has shape {shape:?}: {problem}"))
}
