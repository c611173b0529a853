//! A file that grows as a hidden sibling and gets its name when it is whole.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::record::{DrawingRecord, hidden, open_alone, remove};
use super::{Drawing, FileFormat, ImageSink, KeptError, LostImages, check_whole};
use crate::error::SampleError;
use crate::output::images::Images;

/// `.NAME.partial`, with `.NAME.partial.json` beside it.
pub(super) struct GrowingFile {
    format: FileFormat,
    path: PathBuf,
    file: File,
    drawing: Drawing,
    images: u64,
    /// The checksum of their bytes.
    crc: crc32fast::Hasher,
    /// It lacks nothing but its name.
    sealed: bool,
    lost: Option<LostImages>,
}

fn partial(path: &Path) -> PathBuf {
    hidden(path, ".partial")
}

fn record(path: &Path) -> PathBuf {
    hidden(path, ".partial.json")
}

impl GrowingFile {
    pub fn images(path: &Path, drawing: &Drawing) -> Result<u64, KeptError> {
        let Some(record) = Self::record_of(path)? else { return Ok(0) };
        record.check(drawing, path)?;
        Ok(record.images)
    }

    /// A record without its file is of one that got its name.
    fn record_of(path: &Path) -> Result<Option<DrawingRecord>, SampleError> {
        if partial(path).is_file() { DrawingRecord::read(&record(path)) } else { Ok(None) }
    }

    pub fn clear(path: &Path) -> Result<(), KeptError> {
        if partial(path).is_file() {
            let _alone = open_alone(&partial(path), path)?;
            remove(&partial(path))?;
        }
        Ok(DrawingRecord::remove(&record(path))?)
    }

    pub fn begin(format: FileFormat, path: &Path, drawing: &Drawing) -> Result<Self, KeptError> {
        let folder = path.parent().unwrap_or(Path::new(""));
        if !folder.as_os_str().is_empty() {
            std::fs::create_dir_all(folder).map_err(|error| cannot_write(path, error))?;
        }
        // Before the file is made: a record without one is of a drawing that was finished.
        let found = Self::record_of(path)?;
        let file = open_alone(&partial(path), path)?;
        let crc = crc32fast::Hasher::new();
        let (path, drawing) = (path.to_path_buf(), drawing.clone());
        let mut growing =
            Self { format, path, file, drawing, images: 0, crc, sealed: false, lost: None };
        if let Some(found) = found {
            found.check(&growing.drawing, &growing.path)?;
            growing.take_up(&found);
        }
        growing.lay_out().map_err(|error| cannot_write(&growing.path, error))?;
        growing.note()?;
        Ok(growing)
    }

    /// Continues after the images of an earlier process, if the disk has them as they were written.
    fn take_up(&mut self, found: &DrawingRecord) {
        let mut crc = crc32fast::Hasher::new();
        let bytes = found.images * self.format.each(self.drawing.shape);
        match self.read(bytes, &mut crc) {
            Ok(read) if read == bytes && Some(crc.clone().finalize()) == found.crc32 => {
                (self.images, self.crc) = (found.images, crc);
            }
            _ => {
                let (path, images) = (partial(&self.path), found.images);
                self.lost = Some(LostImages { path, images });
            }
        }
    }

    /// Adds the first `bytes` bytes of images to the checksum; returns how many bytes there are.
    fn read(&mut self, bytes: u64, crc: &mut crc32fast::Hasher) -> std::io::Result<u64> {
        self.file.seek(SeekFrom::Start(self.head().len() as u64))?;
        let (mut buffer, mut done) = (vec![0; 1 << 18], 0);
        while done < bytes {
            let wanted = (bytes - done).min(buffer.len() as u64) as usize;
            match self.file.read(&mut buffer[..wanted])? {
                0 => break,
                len => {
                    crc.update(&buffer[..len]);
                    done += len as u64;
                }
            }
        }
        Ok(done)
    }

    fn head(&self) -> Vec<u8> {
        self.format.head(self.drawing.count, self.drawing.shape, &self.crc)
    }

    /// The head, and nothing after the images that are kept.
    fn lay_out(&mut self) -> std::io::Result<()> {
        let head = self.head();
        self.file.set_len(self.end())?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&head)
    }

    /// Where the next image stands: the same for any count and checksum.
    fn end(&self) -> u64 {
        self.head().len() as u64 + self.images * self.format.each(self.drawing.shape)
    }

    /// The record of the images that are on the disk.
    fn note(&self) -> Result<(), SampleError> {
        let (settings, images) = (self.drawing.settings.clone(), self.images);
        let crc32 = Some(self.crc.clone().finalize());
        DrawingRecord { settings, images, crc32 }.write(&record(&self.path))
    }
}

impl ImageSink for GrowingFile {
    fn images(&self) -> u64 {
        self.images
    }

    fn lost(&self) -> Option<&LostImages> {
        self.lost.as_ref()
    }

    fn append(&mut self, images: &Images) -> Result<(), SampleError> {
        let body = self.format.body(images);
        let place = self.end();
        self.sealed = false;
        let mut write = || -> std::io::Result<()> {
            self.file.seek(SeekFrom::Start(place))?; // over what a failed write left
            self.file.write_all(&body)?;
            self.file.sync_data() // the bytes before the record
        };
        write().map_err(|error| cannot_write(&self.path, error))?;
        self.crc.update(&body);
        self.images += images.len() as u64;
        self.note()
    }

    fn seal(&mut self) -> Result<(), SampleError> {
        if self.sealed {
            return Ok(());
        }
        check_whole(&self.path, self.images, self.drawing.count)?;
        let tail = self.format.tail(self.drawing.count, self.drawing.shape, &self.crc);
        let (head, end) = (self.head(), self.end());
        let mut write = || -> std::io::Result<()> {
            self.file.set_len(end)?;
            self.file.seek(SeekFrom::Start(end))?;
            self.file.write_all(&tail)?;
            self.file.seek(SeekFrom::Start(0))?;
            self.file.write_all(&head)?; // now with the checksum
            self.file.sync_all()
        };
        write().map_err(|error| cannot_write(&self.path, error))?;
        self.sealed = true;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), SampleError> {
        self.seal()?;
        std::fs::rename(partial(&self.path), &self.path)
            .map_err(|error| cannot_write(&self.path, error))?;
        DrawingRecord::remove(&record(&self.path))
    }
}

fn cannot_write(path: &Path, error: std::io::Error) -> SampleError {
    SampleError::file(path, format!("cannot write: {error}"))
}

#[cfg(test)]
mod tests {
    use super::super::DrawingSettings;
    use super::*;

    /// Half a batch remains in a file when the disk fills up while it is written.
    #[test]
    fn a_batch_that_was_written_half_is_written_again_in_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.npz");
        let drawing = Drawing { settings: DrawingSettings::default(), count: 4, shape: [1, 1, 1] };
        let images = |values: [f32; 2]| Images { values: values.to_vec(), shape: [2, 1, 1, 1] };
        let (first, second) = (images([-1.0, 1.0]), images([1.0, -1.0]));
        let mut growing = GrowingFile::begin(FileFormat::Npz, &path, &drawing).unwrap();
        growing.add(0, &first).unwrap();
        growing.file.write_all(&[9; 5]).unwrap();
        growing.add(2, &second).unwrap();
        growing.file.write_all(&[9; 500]).unwrap();
        Box::new(growing).finish().unwrap();
        let mut all = first;
        all.append(second);
        assert!(std::fs::read(path).unwrap() == FileFormat::Npz.whole(&all));
    }
}
