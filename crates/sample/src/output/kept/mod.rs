//! Images that are kept on the disk while more of them are drawn: a folder of PNG files, an npz file, a
//! safetensors file.
//!
//! A drawing that was stopped goes on after the images that are kept. A file grows as a hidden sibling,
//! `.NAME.partial`, and gets its name when it is whole, in the place of any file of that name; nothing is added
//! to it afterwards. A folder holds whole pictures only, and more can be added at any time. A record beside them
//! says what was drawn, so that images of two drawings never mix.

mod error;
mod file;
mod folder;
mod format;
mod npz;
mod raw;
mod record;
mod settings;

use std::path::{Path, PathBuf};

pub use error::KeptError;
pub(crate) use folder::name as png_name;
pub use format::FileFormat;
pub use settings::Settings;

use crate::error::SampleError;
use crate::output::images::Images;
use file::GrowingFile;
use folder::PictureFolder;
use halfstep_core::counted;

/// What is drawn: images 0 to `count`.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// Everything that each image depends on.
    pub settings: Settings,
    /// How many are asked for.
    pub count: u64,
    /// C, H, W.
    pub shape: [usize; 3],
}

/// Where images are kept.
#[derive(Clone, Debug)]
pub enum Place {
    /// One PNG per image in this folder: `000000.png`, ...
    Folder(PathBuf),
    /// All images in this file.
    File(FileFormat, PathBuf),
}

/// A place that images are being added to.
pub trait Keep {
    /// Images 0 to this one are kept.
    fn images(&self) -> u64;

    /// Keeps the images that follow the last. They are on the disk when this returns.
    ///
    /// # Errors
    /// [`SampleError::File`], [`SampleError::Channels`]. What was kept before is untouched.
    fn append(&mut self, images: &Images) -> Result<(), SampleError>;

    /// Keeps images from number `first` on, which is at most [`Keep::images`]; those that are kept already
    /// stay as they are.
    ///
    /// # Errors
    /// As [`Keep::append`].
    fn add(&mut self, first: u64, images: &Images) -> Result<(), SampleError> {
        let kept = (self.images() - first) as usize;
        match kept < images.len() {
            true => self.append(&images.part(kept..images.len())),
            false => Ok(()),
        }
    }

    /// Writes everything but the name of a file whose images are all there. Whatever comes of it, the place
    /// can be begun again after its images.
    ///
    /// # Errors
    /// [`SampleError::File`], also if there are fewer images than the drawing has.
    fn seal(&mut self) -> Result<(), SampleError>;

    /// Seals the place, and a file gets its name.
    ///
    /// # Errors
    /// As [`Keep::seal`].
    fn finish(self: Box<Self>) -> Result<(), SampleError>;
}

impl Place {
    /// The folder or file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Folder(path) | Self::File(_, path) => path,
        }
    }

    /// How many images of this drawing are here, counted from image 0. Changes nothing.
    ///
    /// # Errors
    /// [`KeptError::Other`] or [`KeptError::More`] for images that a drawing of other settings or of more
    /// images left here, [`KeptError::Foreign`] for pictures of nobody knows whom, or a file that cannot be
    /// read.
    pub fn images(&self, drawing: &Drawing) -> Result<u64, KeptError> {
        match self {
            Self::Folder(dir) => PictureFolder::images(dir, drawing),
            Self::File(_, path) => GrowingFile::images(path, drawing),
        }
    }

    /// Removes what an earlier drawing left here, and no other file.
    ///
    /// # Errors
    /// [`KeptError::InUse`] while that drawing is going on, [`KeptError::Foreign`] for pictures that no
    /// drawing left in a folder, or a file that cannot be removed.
    pub fn clear(&self) -> Result<(), KeptError> {
        match self {
            Self::Folder(dir) => PictureFolder::clear(dir),
            Self::File(_, path) => GrowingFile::clear(path),
        }
    }

    /// Goes on after the images that are here. Nobody else can until the result is dropped.
    ///
    /// # Errors
    /// [`KeptError`], as for [`Place::images`], and [`KeptError::InUse`].
    pub fn begin(&self, drawing: &Drawing) -> Result<Box<dyn Keep>, KeptError> {
        Ok(match self {
            Self::Folder(dir) => Box::new(PictureFolder::begin(dir, drawing)?),
            Self::File(format, path) => Box::new(GrowingFile::begin(*format, path, drawing)?),
        })
    }

    /// Bytes on the disk that images `kept` to `drawing.count` take here at most: for a file less than 200 too
    /// many; for a folder the most that PNG files can take, in blocks of 4 KiB.
    pub fn bytes(&self, drawing: &Drawing, kept: u64) -> u64 {
        let missing = drawing.count.saturating_sub(kept);
        match self {
            Self::Folder(_) => missing.saturating_mul(folder::largest_png(drawing.shape)),
            Self::File(format, _) => {
                format.overhead().saturating_add(missing.saturating_mul(format.each(drawing.shape)))
            }
        }
    }
}

/// Refuses to finish a place before every image is there.
fn check_whole(path: &Path, images: u64, count: u64) -> Result<(), SampleError> {
    if images == count {
        return Ok(());
    }
    let problem =
        format!("has {images} of {}; it is finished when it has all", counted(count, "image"));
    Err(SampleError::file(path, problem))
}

#[cfg(test)]
mod tests;
