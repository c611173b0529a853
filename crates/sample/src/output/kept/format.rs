//! Files that grow image by image: a head, images of a fixed size, a tail.

use std::path::Path;

use halfstep_files::write_file;

use super::{npz, raw};
use crate::error::SampleError;
use crate::output::images::Images;

/// The layout of a file of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// uint8 `[N, H, W, C]` as the only array, `arr_0`, of an npz: what the field's scoring tools read.
    Npz,
    /// f32 `[N, C, H, W]` as tensor `samples` of a safetensors file, as the sampler left them.
    Raw,
}

impl FileFormat {
    /// The file of these images.
    pub fn whole(self, images: &Images) -> Vec<u8> {
        let [n, c, h, w] = images.shape;
        let (count, shape, body) = (n as u64, [c, h, w], self.body(images));
        let mut crc = crc32fast::Hasher::new();
        crc.update(&body);
        [self.head(count, shape, &crc), body, self.tail(count, shape, &crc)].concat()
    }

    /// What stands before the images: as long for any count and checksum. `crc` is that of the images.
    pub(super) fn head(self, count: u64, shape: [usize; 3], crc: &crc32fast::Hasher) -> Vec<u8> {
        match self {
            Self::Npz => npz::head(count, shape, crc),
            Self::Raw => raw::head(count, shape),
        }
    }

    /// What stands after them.
    pub(super) fn tail(self, count: u64, shape: [usize; 3], crc: &crc32fast::Hasher) -> Vec<u8> {
        match self {
            Self::Npz => npz::tail(count, shape, crc),
            Self::Raw => Vec::new(),
        }
    }

    /// The images themselves.
    pub(super) fn body(self, images: &Images) -> Vec<u8> {
        match self {
            Self::Npz => images.to_pixels(),
            Self::Raw => images.values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        }
    }

    /// Bytes per image.
    pub(super) fn each(self, [c, h, w]: [usize; 3]) -> u64 {
        let values = (c * h * w) as u64;
        match self {
            Self::Npz => values,
            Self::Raw => 4 * values,
        }
    }

    /// Bytes of the longest head and tail.
    pub(super) fn overhead(self) -> u64 {
        match self {
            Self::Npz => npz::OVERHEAD,
            Self::Raw => raw::HEAD as u64,
        }
    }
}

/// Writes images as [`FileFormat::Raw`].
///
/// # Errors
/// [`SampleError::File`].
pub fn write_raw(path: &Path, images: &Images) -> Result<(), SampleError> {
    Ok(write_file(path, &FileFormat::Raw.whole(images))?)
}
