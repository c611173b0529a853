//! The pictures of a folder, read when they are needed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use halfstep_data::{
    Colour, DataError, PassedOver, find_pictures, picture_sides, read_picture, read_square,
};
use sha2::{Digest, Sha256};

use super::{ImageBatch, ImageSet, ImageStorage, push_rgb};
use crate::error::EvalError;

/// Version of the picture reader. Raise it whenever the reader produces other pixels from the same bytes: cached
/// features are then computed again.
const READER: u32 = 2;

/// Picture files, and how they are read.
#[derive(Clone, Debug)]
pub(super) struct FolderFiles {
    paths: Vec<PathBuf>,
    reading: Reading,
    pub(super) passed_over: PassedOver,
}

#[derive(Clone, Copy, Debug)]
enum Reading {
    /// In its own size.
    Whole,
    /// The central square, resized.
    Square { size: u32, colour: Colour },
}

impl ImageSet {
    /// The pictures of a folder and its sub-folders, in the order of their paths.
    ///
    /// Training finds and reads pictures by the same rules ([`find_pictures`], [`read_picture`]), but here each
    /// picture keeps its own size.
    ///
    /// # Errors
    /// [`EvalError::Data`], as [`find_pictures`].
    pub fn from_folder(dir: &Path) -> Result<Self, EvalError> {
        let found = find_pictures(dir)?;
        let (paths, passed_over) = (found.paths, found.passed_over);
        let files = FolderFiles { paths, reading: Reading::Whole, passed_over };
        Ok(Self { name: dir.display().to_string(), storage: ImageStorage::Files(files) })
    }

    /// The same pictures as training reads them: the central square of each, resized to `shape` = C, H, W.
    ///
    /// # Errors
    /// [`EvalError::Images`] if the set is not a folder, or `shape` is not a square with 1 or 3 channels.
    pub fn as_trained_on(mut self, shape: [usize; 3]) -> Result<Self, EvalError> {
        let [channels, height, width] = shape;
        let square = match (Colour::from_channels(channels), u32::try_from(height)) {
            (Some(colour), Ok(size)) if height == width && size > 0 => Some((size, colour)),
            _ => None,
        };
        match (&mut self.storage, square) {
            (ImageStorage::Files(files), Some((size, colour))) => {
                files.reading = Reading::Square { size, colour };
                Ok(self)
            }
            (ImageStorage::Files(_), None) => {
                let problem = format!(
                    "its pictures cannot be read as squares of the shape [C, H, W] = {shape:?}"
                );
                Err(EvalError::images(Path::new(&self.name), problem))
            }
            (ImageStorage::Memory(_), _) => {
                let problem = "its images are not files of a folder";
                Err(EvalError::images(Path::new(&self.name), problem))
            }
        }
    }
}

impl FolderFiles {
    pub(super) fn len(&self) -> usize {
        self.paths.len()
    }

    /// The files at these places.
    pub(super) fn pick(&self, which: impl Iterator<Item = usize>) -> Self {
        let paths = which.map(|k| self.paths[k].clone()).collect();
        Self { paths, reading: self.reading, passed_over: self.passed_over.clone() }
    }

    /// The heights and widths that the pictures are read at, from the header of every file.
    pub(super) fn sizes(&self) -> Result<BTreeSet<[usize; 2]>, DataError> {
        match self.reading {
            Reading::Square { size, .. } => Ok([[size as usize; 2]].into()),
            Reading::Whole => self.paths.iter().map(|path| picture_sides(path)).collect(),
        }
    }

    /// Hashes everything that the pixels depend on.
    pub(super) fn hash(&self, hash: &mut Sha256) -> Result<(), EvalError> {
        hash.update(format!("reader {READER} {:?} ", self.reading));
        for path in &self.paths {
            let bytes = std::fs::read(path);
            let bytes = bytes.map_err(|error| EvalError::images(path, error))?;
            hash.update(format!("{} ", bytes.len()));
            hash.update(bytes);
        }
        Ok(())
    }

    /// At most `most` pictures of one size from number `first` on. `None` after the last picture.
    pub(super) fn batch(&self, first: usize, most: usize) -> Result<Option<ImageBatch>, DataError> {
        let mut batch: Option<ImageBatch> = None;
        for path in self.paths.iter().skip(first).take(most.max(1)) {
            let (mut values, sides) = self.read(path)?;
            let batch = batch.get_or_insert(ImageBatch { values: Vec::new(), sides });
            if batch.sides != sides {
                break;
            }
            batch.values.append(&mut values);
        }
        Ok(batch)
    }

    /// Three planes divided by 255, and their height and width.
    fn read(&self, path: &Path) -> Result<(Vec<f32>, [usize; 2]), DataError> {
        let mut values = Vec::new();
        match self.reading {
            Reading::Whole => {
                let picture = read_picture(path)?;
                push_rgb(&mut values, picture.as_raw(), 3);
                Ok((values, [picture.height() as usize, picture.width() as usize]))
            }
            Reading::Square { size, colour } => {
                let planes = read_square(path, size, colour)?;
                let repeats = if colour == Colour::Grey { 3 } else { 1 };
                for _ in 0..repeats {
                    values.extend(planes.iter().map(|&byte| f32::from(byte) / 255.0));
                }
                Ok((values, [size as usize; 2]))
            }
        }
    }
}
