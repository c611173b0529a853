//! Images to be measured, wherever they come from.

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
use crate::features::matrix::spread;
use folder::Files;

pub use sizes::ImageSizes;

/// A set of images of 8 bits a channel. Grey ones are measured as RGB with three equal channels.
#[derive(Clone, Debug)]
pub struct Pictures {
    name: String,
    kept: Kept,
}

#[derive(Clone, Debug)]
enum Kept {
    /// Read when they are measured; of any size each.
    Files(Files),
    /// Bytes `[N, H, W, C]`, C 1 or 3.
    Memory { bytes: Vec<u8>, height: usize, width: usize, channels: usize },
}

/// Images of one size.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Row-major `[n, 3, H, W]` in `[0, 1]`: bytes over 255.
    pub values: Vec<f32>,
    /// H, W.
    pub sides: [usize; 2],
}

impl Batch {
    /// How many images.
    pub fn len(&self) -> usize {
        self.values.len() / (3 * self.sides[0] * self.sides[1]).max(1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl Pictures {
    /// Bytes `[N, H, W, C]` of images that were drawn, C 1 or 3.
    ///
    /// # Errors
    /// [`EvalError::Pictures`] for other channels, or bytes that are no whole number of images.
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
                format!("images of {height}x{width} with {channels} channels cannot be measured");
            return Err(EvalError::pictures(Path::new(&name), problem));
        }
        Ok(Self { name, kept: Kept::Memory { bytes, height, width, channels } })
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
        Self { name, kept: Kept::Memory { bytes, height, width, channels } }
    }

    /// Where they come from.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many; never 0.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        match &self.kept {
            Kept::Files(files) => files.len(),
            Kept::Memory { bytes, height, width, channels } => {
                bytes.len() / (height * width * channels)
            }
        }
    }

    /// 1 if every pixel of every image is grey, 3 otherwise.
    ///
    /// # Errors
    /// [`EvalError::Data`] naming a file that cannot be read.
    pub fn channels(&self) -> Result<usize, EvalError> {
        if let Kept::Memory { channels: 1, .. } = self.kept {
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

    /// Heights and widths of all images.
    ///
    /// # Errors
    /// [`EvalError::Data`] naming a file that cannot be read.
    pub fn sizes(&self) -> Result<ImageSizes, EvalError> {
        Ok(ImageSizes::new(match &self.kept {
            Kept::Memory { height, width, .. } => [[*height, *width]].into(),
            Kept::Files(files) => files.sizes()?,
        }))
    }

    /// Whether they are the files of a folder.
    pub fn is_folder(&self) -> bool {
        matches!(self.kept, Kept::Files(_))
    }

    /// What lay beside the pictures of a folder.
    pub fn passed_over(&self) -> Option<&PassedOver> {
        match &self.kept {
            Kept::Files(files) => Some(&files.passed_over),
            Kept::Memory { .. } => None,
        }
    }

    /// `count` of them, evenly spread over all: sets may be sorted. All if there are fewer.
    #[must_use]
    pub fn spread(&self, count: usize) -> Self {
        let which = spread(self.len(), count);
        let kept = match &self.kept {
            Kept::Files(files) => Kept::Files(files.pick(which)),
            Kept::Memory { bytes, height, width, channels } => {
                let each = height * width * channels;
                let bytes = which.flat_map(|k| &bytes[k * each..(k + 1) * each]).copied().collect();
                Kept::Memory { bytes, height: *height, width: *width, channels: *channels }
            }
        };
        Self { name: self.name.clone(), kept }
    }

    /// Images `which` of them.
    ///
    /// # Panics
    /// If there are not that many, or it is none.
    #[must_use]
    pub fn slice(&self, which: Range<usize>) -> Self {
        assert!(!which.is_empty() && which.end <= self.len(), "{which:?} of {}", self.len());
        let kept = match &self.kept {
            Kept::Files(files) => Kept::Files(files.pick(which)),
            Kept::Memory { bytes, height, width, channels } => {
                let each = height * width * channels;
                let bytes = bytes[which.start * each..which.end * each].to_vec();
                Kept::Memory { bytes, height: *height, width: *width, channels: *channels }
            }
        };
        Self { name: self.name.clone(), kept }
    }

    /// Mean squared difference of pixels in `[-1, 1]` to other images, one by one. It is the *teacher
    /// agreement* if both were drawn from the same start noises.
    ///
    /// # Errors
    /// [`EvalError::Data`] for a file that cannot be read; [`EvalError::Pixels`] unless both are as
    /// many images of the same sizes.
    pub fn mean_squared_difference(&self, other: &Self) -> Result<f64, EvalError> {
        let differ = || {
            let names = (self.name(), other.name());
            EvalError::Pixels(format!("{} and {} are images of other sizes", names.0, names.1))
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

    /// SHA-256 of all that is measured of them, in hexadecimal.
    ///
    /// # Errors
    /// [`EvalError::Data`] naming a file that cannot be read.
    pub fn sha256(&self) -> Result<String, EvalError> {
        let mut hash = Sha256::new();
        match &self.kept {
            Kept::Memory { bytes, height, width, channels } => {
                hash.update(format!("{height} {width} {channels} "));
                hash.update(bytes);
            }
            Kept::Files(files) => files.hash(&mut hash)?,
        }
        Ok(hex(&hash.finalize()))
    }

    /// Images from number `first` on, up to `most` of one size; none after the last.
    ///
    /// # Errors
    /// [`EvalError::Data`] naming a file that cannot be read.
    pub fn batch(&self, first: usize, most: usize) -> Result<Option<Batch>, EvalError> {
        match &self.kept {
            Kept::Memory { bytes, height, width, channels } => {
                let each = height * width * channels;
                let first = first.min(self.len());
                let end = (first + most.max(1)).min(self.len());
                let bytes = &bytes[first * each..end * each];
                let mut values = Vec::with_capacity(bytes.len() * 3 / channels);
                for image in bytes.chunks_exact(each) {
                    push_rgb(&mut values, image, *channels);
                }
                Ok((!values.is_empty()).then_some(Batch { values, sides: [*height, *width] }))
            }
            Kept::Files(files) => Ok(files.batch(first, most)?),
        }
    }
}

/// Bytes `[H, W, C]` as three planes over 255.
fn push_rgb(values: &mut Vec<f32>, image: &[u8], channels: usize) {
    for plane in 0..3 {
        let bytes = image.iter().skip(plane % channels).step_by(channels);
        values.extend(bytes.map(|&byte| f32::from(byte) / 255.0));
    }
}

#[cfg(test)]
mod tests;
