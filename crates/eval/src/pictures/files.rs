//! The pictures of a folder, read when they are measured.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use halfstep_data::{
    Colour, DataError, PassedOver, find_pictures, picture_sides, read_picture, read_square,
};
use sha2::{Digest, Sha256};

use super::{Batch, Kept, Pictures, push_rgb};
use crate::error::EvalError;

/// What is measured of a file was read by a reader of this number. To be raised whenever it reads other
/// pixels of the same bytes: what was kept of them is then made again.
const READER: u32 = 2;

/// Picture files and how they are read.
#[derive(Clone, Debug)]
pub(super) struct Files {
    paths: Vec<PathBuf>,
    reading: Reading,
    pub(super) passed_over: PassedOver,
}

#[derive(Clone, Copy, Debug)]
enum Reading {
    /// In their own sizes.
    Whole,
    /// The central square, resized.
    Square { size: u32, colour: Colour },
}

impl Pictures {
    /// The pictures of a folder and of the folders in it (a class each, say), in the order of their paths.
    /// They are found and read as training finds and reads them ([`find_pictures`], [`read_picture`]), but in
    /// their own sizes.
    ///
    /// # Errors
    /// Those of [`find_pictures`].
    pub fn from_folder(dir: &Path) -> Result<Self, EvalError> {
        let found = find_pictures(dir)?;
        let (paths, passed_over) = (found.paths, found.passed_over);
        let files = Files { paths, reading: Reading::Whole, passed_over };
        Ok(Self { name: dir.display().to_string(), kept: Kept::Files(files) })
    }

    /// The same pictures of a folder as training reads them: of each the central square, resized to
    /// `shape` = C, H, W.
    ///
    /// # Errors
    /// [`EvalError::Pictures`] for pictures that are not of a folder, and for a shape that is no square of 1
    /// or 3 channels.
    pub fn as_trained_on(mut self, shape: [usize; 3]) -> Result<Self, EvalError> {
        let [channels, height, width] = shape;
        let square = match (Colour::from_channels(channels), u32::try_from(height)) {
            (Some(colour), Ok(size)) if height == width && size > 0 => Some((size, colour)),
            _ => None,
        };
        match (&mut self.kept, square) {
            (Kept::Files(files), Some((size, colour))) => {
                files.reading = Reading::Square { size, colour };
                Ok(self)
            }
            (Kept::Files(_), None) => {
                let problem = format!(
                    "its pictures cannot be read as squares of the shape [C, H, W] = {shape:?}"
                );
                Err(EvalError::pictures(Path::new(&self.name), problem))
            }
            (Kept::Memory { .. }, _) => {
                let problem = "its images are not files of a folder";
                Err(EvalError::pictures(Path::new(&self.name), problem))
            }
        }
    }
}

impl Files {
    pub(super) fn len(&self) -> usize {
        self.paths.len()
    }

    /// Those at these places.
    pub(super) fn pick(&self, which: impl Iterator<Item = usize>) -> Self {
        let paths = which.map(|k| self.paths[k].clone()).collect();
        Self { paths, reading: self.reading, passed_over: self.passed_over.clone() }
    }

    /// Heights and widths that they are read in. Every header is looked at.
    pub(super) fn sizes(&self) -> Result<BTreeSet<[usize; 2]>, DataError> {
        match self.reading {
            Reading::Square { size, .. } => Ok([[size as usize; 2]].into()),
            Reading::Whole => self.paths.iter().map(|path| picture_sides(path)).collect(),
        }
    }

    /// Takes in all that is measured of them.
    pub(super) fn hash(&self, hash: &mut Sha256) -> Result<(), EvalError> {
        hash.update(format!("reader {READER} {:?} ", self.reading));
        for path in &self.paths {
            let bytes = std::fs::read(path);
            let bytes = bytes.map_err(|error| EvalError::pictures(path, error))?;
            hash.update(format!("{} ", bytes.len()));
            hash.update(bytes);
        }
        Ok(())
    }

    /// From number `first` on, up to `most` of one size; none after the last.
    pub(super) fn batch(&self, first: usize, most: usize) -> Result<Option<Batch>, DataError> {
        let mut batch: Option<Batch> = None;
        for path in self.paths.iter().skip(first).take(most.max(1)) {
            let (mut values, sides) = self.read(path)?;
            let batch = batch.get_or_insert(Batch { values: Vec::new(), sides });
            if batch.sides != sides {
                break;
            }
            batch.values.append(&mut values);
        }
        Ok(batch)
    }

    /// Three planes over 255, and their height and width.
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
