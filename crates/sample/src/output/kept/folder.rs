//! A folder of pictures, with a record of the drawing that made them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use halfstep_files::TEMPORARY;

use super::record::{DrawingRecord, open_alone, remove};
use super::{Drawing, DrawingSettings, ImageSink, KeptError, check_whole};
use crate::error::SampleError;
use crate::output::images::Images;
use crate::output::png::{png_name, write_png_files};

const RECORD: &str = ".drawing.json";
const LOCK: &str = ".drawing.lock";
/// Endings of picture files, of formats that are read here or not.
const ENDINGS: [&str; 18] = [
    "png", "jpg", "jpeg", "jpe", "jfif", "webp", "gif", "bmp", "tif", "tiff", "avif", "heic",
    "jxl", "pbm", "pgm", "ppm", "tga", "qoi",
];
/// The last chunk of a PNG: its length, name and checksum.
const PNG_END: &[u8; 12] = b"\0\0\0\0IEND\xaeB`\x82";
/// The file system's block in bytes.
const BLOCK: u64 = 4096;

/// `DIR/000000.png`, ... `DIR/.drawing.json`
pub(super) struct PictureFolder {
    dir: PathBuf,
    settings: DrawingSettings,
    count: u64,
    images: u64,
    /// Pictures below this number are the drawing's: those that are there, and those being written.
    claimed: u64,
    _lock: File,
}

/// The pictures and the record in a folder.
struct FolderContent {
    record: Option<DrawingRecord>,
    /// Numbers of the pictures that a drawing wrote.
    drawn: BTreeSet<u64>,
}

impl FolderContent {
    /// # Errors
    /// [`KeptError::Foreign`] if there are pictures that no drawing wrote.
    fn read(dir: &Path) -> Result<Self, KeptError> {
        let record = DrawingRecord::read(&dir.join(RECORD))?;
        let pictures = pictures(dir)?;
        let numbers: BTreeSet<u64> = pictures.iter().filter_map(|name| number(name)).collect();
        let end = record.as_ref().map_or(0, |record| record.images);
        let mut foreign = pictures.iter().filter(|name| number(name).is_none_or(|k| k >= end));
        if let Some(first) = foreign.next() {
            let pictures = match foreign.count() {
                0 => first.clone(),
                more => format!("{first} and {more} more"),
            };
            return Err(KeptError::Foreign { dir: dir.to_path_buf(), pictures });
        }
        Ok(Self { record, drawn: numbers })
    }

    /// The first image that is missing, or whose file lost its end, as when a machine loses its power.
    fn checked(&self, dir: &Path, drawing: &Drawing) -> Result<u64, KeptError> {
        let Some(record) = &self.record else { return Ok(0) };
        DrawingRecord { images: self.end(), ..record.clone() }.check(drawing, dir)?;
        let is_there = |k: u64| self.drawn.contains(&k) && is_whole(&dir.join(png_name(k)));
        Ok((0..).find(|&k| !is_there(k)).unwrap_or(0))
    }

    /// After the last picture.
    fn end(&self) -> u64 {
        self.drawn.last().map_or(0, |last| last + 1)
    }
}

impl PictureFolder {
    pub fn images(dir: &Path, drawing: &Drawing) -> Result<u64, KeptError> {
        if dir.is_dir() { FolderContent::read(dir)?.checked(dir, drawing) } else { Ok(0) }
    }

    pub fn clear(dir: &Path) -> Result<(), KeptError> {
        let _lock = open_alone(&dir.join(LOCK), dir)?;
        let content = FolderContent::read(dir)?;
        // The record goes last: until then it tells whose pictures these are.
        for k in content.drawn {
            remove(&dir.join(png_name(k)))?;
        }
        remove_temporary(dir)?;
        Ok(DrawingRecord::remove(&dir.join(RECORD))?)
    }

    pub fn begin(dir: &Path, drawing: &Drawing) -> Result<Self, KeptError> {
        std::fs::create_dir_all(dir)
            .map_err(|error| SampleError::file(dir, format!("cannot write: {error}")))?;
        let lock = open_alone(&dir.join(LOCK), dir)?;
        let content = FolderContent::read(dir)?;
        let images = content.checked(dir, drawing)?;
        if content.record.is_some() {
            remove_temporary(dir)?;
        }
        let (dir, settings) = (dir.to_path_buf(), drawing.settings.clone());
        let (count, claimed) = (drawing.count, content.end());
        let folder = Self { dir, settings, count, images, claimed, _lock: lock };
        folder.note()?;
        Ok(folder)
    }

    fn note(&self) -> Result<(), SampleError> {
        let (settings, images) = (self.settings.clone(), self.claimed);
        DrawingRecord { settings, images, crc32: None }.write(&self.dir.join(RECORD))
    }
}

impl ImageSink for PictureFolder {
    fn images(&self) -> u64 {
        self.images
    }

    fn append(&mut self, images: &Images) -> Result<(), SampleError> {
        let end = self.images + images.len() as u64;
        // The record before the pictures: none of them is ever without it.
        self.claimed = self.claimed.max(end);
        self.note()?;
        write_png_files(&self.dir, images, self.images)?;
        self.images = end;
        Ok(())
    }

    /// A folder lacks nothing but images.
    fn seal(&mut self) -> Result<(), SampleError> {
        check_whole(&self.dir, self.images, self.count)
    }

    fn finish(mut self: Box<Self>) -> Result<(), SampleError> {
        self.seal()
    }
}

/// Whether a file ends as every PNG does.
fn is_whole(path: &Path) -> bool {
    let mut end = [0; PNG_END.len()];
    let read = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::End(-(PNG_END.len() as i64)))?;
        file.read_exact(&mut end)
    });
    read.is_ok() && end == *PNG_END
}

/// The number in a name that [`png_name`] makes.
fn number(of: &str) -> Option<u64> {
    let number = of.strip_suffix(".png")?.parse().ok()?;
    (png_name(number) == of).then_some(number)
}

/// The names of the picture files of a folder, sorted, without hidden ones.
fn pictures(dir: &Path) -> Result<Vec<String>, SampleError> {
    let unreadable = |error| SampleError::file(dir, format!("cannot read the folder: {error}"));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let ending = path.extension().unwrap_or_default();
        let is_picture = ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known));
        if is_picture && !name.starts_with('.') && !path.is_dir() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Removes temporary files that a killed process left.
fn remove_temporary(dir: &Path) -> Result<(), SampleError> {
    let unreadable = |error| SampleError::file(dir, format!("cannot read the folder: {error}"));
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) && entry.path().is_file() {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Nearly the most bytes that a PNG file of this size takes: its pixels uncompressed, in whole blocks.
pub(super) fn largest_png([c, h, w]: [usize; 3]) -> u64 {
    let lines = (h * (w * c + 1)) as u64;
    (lines + lines / 1000 + 128).next_multiple_of(BLOCK)
}
