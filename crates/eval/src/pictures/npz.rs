//! Images of an npz file.

use std::path::Path;

use super::{Kept, Pictures};
use crate::error::EvalError;

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
        let mut archive =
            npyz::npz::NpzArchive::open(path).map_err(|error| wrong(error.to_string()))?;
        let array = archive
            .by_name("arr_0")
            .map_err(|error| wrong(error.to_string()))?
            .ok_or_else(|| wrong("has no array `arr_0`".to_owned()))?;
        let &[count, height, width, channels] = array.shape() else {
            let shape = array.shape();
            return Err(wrong(format!("`arr_0` has shape {shape:?}; [N, H, W, C] is needed")));
        };
        if array.order() != npyz::Order::C || ![1, 3].contains(&channels) || count == 0 {
            return Err(wrong("`arr_0` must be row-major, of 1 or 3 channels".to_owned()));
        }
        let each = u64::checked_mul(height, width).and_then(|each| each.checked_mul(channels));
        let whole = each.and_then(|each| each.checked_mul(count));
        if whole.is_none_or(|bytes| bytes > MOST_BYTES) {
            let shape = [count, height, width, channels];
            return Err(wrong(format!("`arr_0` has shape {shape:?}: more than 16 GiB of images")));
        }
        let values =
            array.data::<u8>().map_err(|error| wrong(format!("`arr_0` is not uint8: {error}")))?;
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
