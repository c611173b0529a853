//! Images of an npz file.

use std::path::Path;

use npyz::Order;

use super::{Kept, Pictures};
use crate::error::EvalError;
use crate::images::archive::{lacks, npz_arrays, open, type_name};

/// Of an npz file: a compressed one may hold a thousand times what it weighs.
const MOST_BYTES: u64 = 16 << 30;

impl Pictures {
    /// Array `arr_0` of an npz file: uint8 `[N, H, W, C]`, C 1 or 3, as `sample --npz` and ADM's tools
    /// write it.
    ///
    /// # Errors
    /// [`EvalError::Pictures`] naming the file.
    pub fn from_npz(path: &Path) -> Result<Self, EvalError> {
        let wrong = |problem: String| EvalError::pictures(path, problem);
        let mut archive = open(path)?;
        let array = archive.by_name("arr_0").map_err(|error| wrong(error.to_string()))?;
        let Some(array) = array else { return Err(lacks(path, "`arr_0`", &npz_arrays(path)?)) };
        let [count, height, width, channels] = layout(array.shape()).map_err(wrong)?;
        if array.order() != Order::C {
            let remedy = "numpy.ascontiguousarray makes a copy in row-major order";
            return Err(wrong(format!("`arr_0` is column-major; it must be row-major: {remedy}")));
        }
        let each = u64::checked_mul(height, width).and_then(|each| each.checked_mul(channels));
        let whole = each.and_then(|each| each.checked_mul(count));
        if whole.is_none_or(|bytes| bytes > MOST_BYTES) {
            let shape = [count, height, width, channels];
            return Err(wrong(format!("`arr_0` has shape {shape:?}: more than 16 GiB of images")));
        }
        let dtype = array.dtype();
        let not_bytes = |_| {
            let found = type_name(&dtype);
            wrong(format!("`arr_0` is {found}, not uint8; values from 0 to 255 are needed"))
        };
        let values = array.data::<u8>().map_err(not_bytes)?;
        // As the bytes come: what the header claims of them costs nothing.
        let bytes: Vec<u8> =
            values.collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))?;
        if each == Some(0) || whole != Some(bytes.len() as u64) {
            return Err(wrong("`arr_0` has fewer values than its shape says".to_owned()));
        }
        let (height, width, channels) = (height as usize, width as usize, channels as usize);
        let name = path.display().to_string();
        Ok(Self { name, kept: Kept::Memory { bytes, height, width, channels } })
    }
}

/// N, H, W and C of an array of images, or what is wrong with its shape.
fn layout(shape: &[u64]) -> Result<[u64; 4], String> {
    let problem = match *shape {
        [0, ..] => "there are no images in it",
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
