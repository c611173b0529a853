//! The identity of images whose source has none of its own.

use halfstep_files::hex;
use sha2::{Digest, Sha256};

use super::ImageSource;

/// SHA-256 in lower-case hexadecimal over `"halfstep images 1\n"`; C, H, W and the number of images as
/// little-endian u64; every value as a little-endian f32, image after image; and for labelled images one
/// little-endian u32 per label.
pub(super) fn sha256(source: &(impl ImageSource + ?Sized)) -> String {
    let mut hasher = Sha256::new();
    hasher.update(b"halfstep images 1\n");
    for value in source.shape().into_iter().chain([source.len()]) {
        hasher.update((value as u64).to_le_bytes());
    }
    let mut values = vec![0.0; source.shape().iter().product()];
    let mut bytes = Vec::with_capacity(4 * values.len());
    for index in 0..source.len() {
        source.image_into(index, &mut values);
        bytes.clear();
        bytes.extend(values.iter().flat_map(|value: &f32| value.to_le_bytes()));
        hasher.update(&bytes);
    }
    if source.num_classes().is_some() {
        let labels = (0..source.len()).filter_map(|index| source.label(index));
        labels.for_each(|label| hasher.update(label.to_le_bytes()));
    }
    hex(&hasher.finalize())
}
