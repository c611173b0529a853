//! Images written as they are drawn, so that a stopped drawing continues: a folder of PNG files, an npz file or a
//! safetensors file.
//!
//! A file grows as a hidden sibling, `.NAME.partial`, and gets its name when it is whole, in the place of any file of
//! that name; nothing is added to it afterwards. A folder holds whole pictures only, and more can be added at any
//! time. A record beside them holds the drawing's settings, so that images of two drawings never mix.

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
pub use format::{FileFormat, write_raw};
pub use settings::DrawingSettings;

use crate::error::SampleError;
use crate::output::images::Images;
use file::GrowingFile;
use folder::PictureFolder;
use halfstep_core::counted;

/// A drawing: images 0 to `count` of one set of settings.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// Everything that each image depends on.
    pub settings: DrawingSettings,
    /// How many are asked for.
    pub count: u64,
    /// C, H, W.
    pub shape: [usize; 3],
}

/// Where the images of a drawing go.
#[derive(Clone, Debug)]
pub enum Destination {
    /// One PNG per image in this folder: `000000.png`, ...
    Folder(PathBuf),
    /// All images in this file.
    File(FileFormat, PathBuf),
}

/// A destination that images are being added to.
pub trait ImageSink {
    /// The number of images kept so far, counted from image 0.
    fn images(&self) -> u64;

    /// Images of an earlier process that cannot be used and will be drawn again.
    fn lost(&self) -> Option<&LostImages> {
        None
    }

    /// Keeps the images that follow the last. They are on the disk when this returns.
    ///
    /// # Errors
    /// [`SampleError::File`], [`SampleError::Channels`]. What was kept before is untouched.
    fn append(&mut self, images: &Images) -> Result<(), SampleError>;

    /// Keeps images from number `first` on, which is at most [`ImageSink::images`]; those that are kept already
    /// stay as they are.
    ///
    /// # Errors
    /// As [`ImageSink::append`].
    fn add(&mut self, first: u64, images: &Images) -> Result<(), SampleError> {
        let kept = (self.images() - first) as usize;
        match kept < images.len() {
            true => self.append(&images.part(kept..images.len())),
            false => Ok(()),
        }
    }

    /// Writes everything but the name of a file whose images are all there. Even if this fails, the drawing can
    /// continue from its images.
    ///
    /// # Errors
    /// [`SampleError::File`], also if there are fewer images than the drawing has.
    fn seal(&mut self) -> Result<(), SampleError>;

    /// Seals the destination, and a file gets its name.
    ///
    /// # Errors
    /// As [`ImageSink::seal`].
    fn finish(self: Box<Self>) -> Result<(), SampleError>;
}

impl Destination {
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
    /// images left here, [`KeptError::Foreign`] for pictures without a drawing's record, or a file that cannot
    /// be read.
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

    /// Continues after the images that are here. The destination is locked until the result is dropped.
    ///
    /// # Errors
    /// [`KeptError`], as for [`Destination::images`], and [`KeptError::InUse`].
    pub fn begin(&self, drawing: &Drawing) -> Result<Box<dyn ImageSink>, KeptError> {
        Ok(match self {
            Self::Folder(dir) => Box::new(PictureFolder::begin(dir, drawing)?),
            Self::File(format, path) => Box::new(GrowingFile::begin(*format, path, drawing)?),
        })
    }

    /// The most bytes on the disk that images `kept` to `drawing.count` take here: for a file at most 200 too
    /// many; for a folder the largest that PNG files can be, in blocks of 4 KiB.
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

/// Images of an earlier process that a damaged file has lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostImages {
    /// The unfinished file.
    pub path: PathBuf,
    /// How many images it held.
    pub images: u64,
}

impl std::fmt::Display for LostImages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (path, images) = (self.path.display(), counted(self.images, "image"));
        write!(f, "{path} is damaged; its {images} will be drawn again")
    }
}

/// Refuses to finish a destination before every image is there.
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
