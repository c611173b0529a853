//! Image sets: 8-bit images from a folder, an npz file, a dataset or memory.

pub(crate) mod archive;
mod folder;
mod npz;
mod sizes;

use std::ops::Range;
use std::path::Path;

use halfstep_data::hash::hex;
use halfstep_data::{Dataset, PassedOver};
use sha2::{Digest, Sha256};

use crate::error::EvalError;
use crate::subset::evenly_spaced;
use folder::FolderFiles;

pub use archive::{listed_arrays, npz_arrays};
pub use sizes::ImageSizes;

/// A set of images with 8 bits per channel, grey or RGB. Grey images count as RGB with three equal channels.
///
/// ```
/// use halfstep_eval::ImageSet;
///
/// // Two grey images of 1x2 pixels.
/// let images = ImageSet::from_bytes("two".to_owned(), vec![0, 255, 51, 102], [1, 2, 1])?;
/// let batch = images.batch(1, 8)?.unwrap();
/// assert_eq!(batch.values, [0.2, 0.4, 0.2, 0.4, 0.2, 0.4]);
/// # Ok::<(), halfstep_eval::EvalError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ImageSet {
    name: String,
    storage: ImageStorage,
}

#[derive(Clone, Debug)]
enum ImageStorage {
    /// Files of any size each, read when they are needed.
    Files(FolderFiles),
    /// Images of one size in memory.
    Memory(PixelBytes),
}

/// Bytes `[N, H, W, C]`, C = 1 or 3.
#[derive(Clone, Debug)]
struct PixelBytes {
    bytes: Vec<u8>,
    height: usize,
    width: usize,
    channels: usize,
}

/// Consecutive images of one size.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageBatch {
    /// `[n, 3, H, W]`, row-major, in `[0, 1]`: bytes divided by 255.
    pub values: Vec<f32>,
    /// H, W.
    pub sides: [usize; 2],
}

impl ImageBatch {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.values.len() / (3 * self.sides[0] * self.sides[1]).max(1)
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl PixelBytes {
    /// Bytes per image.
    fn each(&self) -> usize {
        self.height * self.width * self.channels
    }

    fn len(&self) -> usize {
        self.bytes.len() / self.each()
    }

    fn pick(&self, which: impl Iterator<Item = usize>) -> Self {
        let (each, mut bytes) = (self.each(), Vec::new());
        for k in which {
            bytes.extend_from_slice(&self.bytes[k * each..(k + 1) * each]);
        }
        Self { bytes, ..*self }
    }

    fn batch(&self, first: usize, most: usize) -> Option<ImageBatch> {
        let first = first.min(self.len());
        let end = (first + most.max(1)).min(self.len());
        let bytes = &self.bytes[first * self.each()..end * self.each()];
        let mut values = Vec::with_capacity(bytes.len() * 3 / self.channels);
        for image in bytes.chunks_exact(self.each()) {
            push_rgb(&mut values, image, self.channels);
        }
        (!values.is_empty()).then_some(ImageBatch { values, sides: [self.height, self.width] })
    }
}

impl ImageSet {
    /// Images in memory, as bytes `[N, H, W, C]` with C = 1 or 3.
    ///
    /// # Errors
    /// [`EvalError::Images`] for other channels, no images, or bytes that are not a whole number of images.
    pub fn from_bytes(
        name: String,
        bytes: Vec<u8>,
        [height, width, channels]: [usize; 3],
    ) -> Result<Self, EvalError> {
        let each = height * width * channels;
        if ![1, 3].contains(&channels)
            || each == 0
            || bytes.is_empty()
            || !bytes.len().is_multiple_of(each)
        {
            let problem =
                format!("images of {height}x{width} with {channels} channels cannot be evaluated");
            return Err(EvalError::images(Path::new(&name), problem));
        }
        Ok(Self::in_memory(name, PixelBytes { bytes, height, width, channels }))
    }

    /// The images of a dataset, in its order.
    pub fn from_dataset(dataset: &Dataset) -> Self {
        let [channels, height, width] = dataset.shape();
        let plane = height * width;
        let mut bytes = Vec::with_capacity(dataset.len() * plane * channels);
        for k in 0..dataset.len() {
            let image = dataset.image(k);
            bytes.extend(
                (0..plane * channels).map(|at| image[at % channels * plane + at / channels]),
            );
        }
        let name = dataset.name().to_owned();
        Self::in_memory(name, PixelBytes { bytes, height, width, channels })
    }

    fn in_memory(name: String, pixels: PixelBytes) -> Self {
        Self { name, storage: ImageStorage::Memory(pixels) }
    }

    /// Where the images come from: a path, or the dataset's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of images, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        match &self.storage {
            ImageStorage::Files(files) => files.len(),
            ImageStorage::Memory(pixels) => pixels.len(),
        }
    }

    /// 1 if every pixel of every image is grey, otherwise 3. Reads all images of a folder.
    ///
    /// # Errors
    /// [`EvalError::Data`] naming a file that cannot be read.
    pub fn channels(&self) -> Result<usize, EvalError> {
        if let ImageStorage::Memory(PixelBytes { channels: 1, .. }) = self.storage {
            return Ok(1);
        }
        let mut done = 0;
        while let Some(batch) = self.batch(done, 256)? {
            done += batch.len();
            let plane = batch.sides[0] * batch.sides[1];
            let is_grey = |image: &[f32]| {
                image[..plane] == image[plane..2 * plane] && image[..plane] == image[2 * plane..]
            };
            if !batch.values.chunks_exact(3 * plane).all(is_grey) {
                return Ok(3);
            }
        }
        Ok(1)
    }

    /// The heights and widths that occur. Reads the header of every file of a folder.
    ///
    /// # Errors
    /// [`EvalError::Data`] naming a file that cannot be read.
    pub fn sizes(&self) -> Result<ImageSizes, EvalError> {
        Ok(ImageSizes::new(match &self.storage {
            ImageStorage::Memory(pixels) => [[pixels.height, pixels.width]].into(),
            ImageStorage::Files(files) => files.sizes()?,
        }))
    }

    /// Whether the images are the files of a folder.
    pub fn is_folder(&self) -> bool {
        matches!(self.storage, ImageStorage::Files(_))
    }

    /// The files and folders beside the pictures of a folder that were skipped; `None` if the set is not a
    /// folder.
    pub fn passed_over(&self) -> Option<&PassedOver> {
        match &self.storage {
            ImageStorage::Files(files) => Some(&files.passed_over),
            ImageStorage::Memory(_) => None,
        }
    }

    /// `count` images, evenly spaced, so that a sorted set is represented as a whole. All images if there are
    /// fewer.
    #[must_use]
    pub fn evenly_spaced(&self, count: usize) -> Self {
        self.pick(evenly_spaced(self.len(), count))
    }

    /// The images with the numbers `which`.
    ///
    /// # Panics
    /// If `which` is empty or ends after the last image.
    #[must_use]
    pub fn slice(&self, which: Range<usize>) -> Self {
        assert!(!which.is_empty() && which.end <= self.len(), "{which:?} of {}", self.len());
        self.pick(which)
    }

    fn pick(&self, which: impl Iterator<Item = usize>) -> Self {
        let storage = match &self.storage {
            ImageStorage::Files(files) => ImageStorage::Files(files.pick(which)),
            ImageStorage::Memory(pixels) => ImageStorage::Memory(pixels.pick(which)),
        };
        Self { name: self.name.clone(), storage }
    }

    /// Mean squared difference to the images of another set, pair by pair, with pixels in `[-1, 1]`. It is the
    /// *teacher agreement* if both sets were sampled from the same start noises.
    ///
    /// # Errors
    /// [`EvalError::Images`] unless both sets have the same number of images of the same sizes;
    /// [`EvalError::Data`] naming a file that cannot be read.
    pub fn mean_squared_difference(&self, other: &Self) -> Result<f64, EvalError> {
        let differ = || {
            let problem = format!("its images cannot be paired with those of {}", other.name());
            EvalError::images(Path::new(self.name()), problem)
        };
        let (mut done, mut sum, mut count) = (0, 0.0, 0);
        while let Some(ours) = self.batch(done, 256)? {
            let theirs = other.batch(done, ours.len())?;
            let theirs = theirs.filter(|batch| batch.values.len() == ours.values.len());
            let theirs = theirs.ok_or_else(differ)?;
            let pairs = ours.values.iter().zip(&theirs.values);
            sum += pairs.map(|(a, b)| (2.0 * f64::from(a - b)).powi(2)).sum::<f64>();
            (done, count) = (done + ours.len(), count + ours.values.len());
        }
        if done == other.len() { Ok(sum / count as f64) } else { Err(differ()) }
    }

    /// SHA-256 of everything that features of the images depend on, in lower-case hexadecimal.
    ///
    /// # Errors
    /// [`EvalError::Images`] naming a file that cannot be read.
    pub fn sha256(&self) -> Result<String, EvalError> {
        let mut hash = Sha256::new();
        match &self.storage {
            ImageStorage::Memory(PixelBytes { bytes, height, width, channels }) => {
                hash.update(format!("{height} {width} {channels} "));
                hash.update(bytes);
            }
            ImageStorage::Files(files) => files.hash(&mut hash)?,
        }
        Ok(hex(&hash.finalize()))
    }

    /// At most `most` consecutive images of one size from number `first` on. `None` after the last image.
    ///
    /// # Errors
    /// [`EvalError::Data`] naming a file that cannot be read.
    pub fn batch(&self, first: usize, most: usize) -> Result<Option<ImageBatch>, EvalError> {
        match &self.storage {
            ImageStorage::Memory(pixels) => Ok(pixels.batch(first, most)),
            ImageStorage::Files(files) => Ok(files.batch(first, most)?),
        }
    }
}

/// Appends an image, bytes `[H, W, C]`, as three planes divided by 255.
fn push_rgb(values: &mut Vec<f32>, image: &[u8], channels: usize) {
    for plane in 0..3 {
        let bytes = image.iter().skip(plane % channels).step_by(channels);
        values.extend(bytes.map(|&byte| f32::from(byte) / 255.0));
    }
}

#[cfg(test)]
mod tests;
