//! A folder of pictures as a dataset.

mod natural;
mod passed_over;
mod walk;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::picture::format::{Content, READ, has_ending_of_picture};
use crate::picture::{self, Colour};
use crate::progress::{LoadEvent, LoadProgress};
use crate::{DataError, Dataset};
pub(crate) use passed_over::is_hidden;
use passed_over::is_left_by_systems;

pub use passed_over::PassedOver;
pub use walk::{PictureFiles, find_pictures};

/// The largest side; one RGB image of it takes 12 MiB as bytes and 48 MiB as floats.
const LARGEST_SIDE: usize = 2048;

/// Reads the pictures of a folder as `[channels, size, size]` images; `channels` is 3 for RGB and 1 for grey.
///
/// Pictures directly in the folder are unlabelled. Pictures in its sub-folders have the sub-folder as their
/// class. A mix of both is refused. Classes are numbered in the natural order of their names (`2` before
/// `10`), and pictures lie in the order of their names' bytes: the dataset is the same on every machine.
///
/// PNG, JPEG, WebP, BMP and PNM are read. The first bytes of a file decide its format, not its name.
/// The central square of each picture is resized to `size`, 16-bit samples are reduced to 8 bits,
/// transparency is laid over white, and EXIF rotation is applied.
///
/// A picture that is damaged, cut short or of another format is refused. A file with the name of a picture
/// and other content is refused too. Everything else is passed over and counted ([`Dataset::passed_over`]):
/// other files, names that begin with a dot, and folders that systems leave behind (`__MACOSX`, `@eaDir` and
/// the like).
///
/// # Errors
/// [`DataError::Config`] for an impossible `size` or `channels`; [`DataError::Io`], [`DataError::Picture`] or
/// [`DataError::Malformed`] naming the file or folder otherwise.
pub fn read_folder(
    dir: &Path,
    size: usize,
    channels: usize,
    progress: &mut LoadProgress<'_>,
) -> Result<Dataset, DataError> {
    let (side, colour) = check(size, channels)?;
    let found = list(dir)?;
    let pixels = read_all(&found.pictures, side, colour, progress);
    progress(LoadEvent::Ended);
    let name = dir.file_name().unwrap_or(OsStr::new("folder")).to_string_lossy().into_owned();
    let labelled = !found.classes.is_empty();
    Dataset::new(
        name,
        [channels, size, size],
        pixels?,
        labelled.then_some(found.labels),
        labelled.then_some(found.classes.len()),
    )?
    .with_flip(true)
    .with_passed_over(found.passed_over)
    .with_class_names(found.classes)
}

fn read_all(
    pictures: &[PathBuf],
    side: u32,
    colour: Colour,
    progress: &mut LoadProgress<'_>,
) -> Result<Vec<u8>, DataError> {
    let mut pixels = Vec::new();
    for (done, path) in (1..).zip(pictures) {
        pixels.extend(picture::read_square(path, side, colour)?);
        progress(LoadEvent::Reading { done, total: pictures.len() });
    }
    Ok(pixels)
}

fn check(size: usize, channels: usize) -> Result<(u32, Colour), DataError> {
    let Some(colour) = Colour::from_channels(channels) else {
        let problem = format!("{channels} is neither 3 (RGB) nor 1 (grey)");
        return Err(DataError::Config { field: "channels", problem });
    };
    match u32::try_from(size) {
        Ok(side) if (1..=LARGEST_SIDE).contains(&size) => Ok((side, colour)),
        _ => {
            let problem = format!("{size} is not between 1 and {LARGEST_SIDE} pixels");
            Err(DataError::Config { field: "size", problem })
        }
    }
}

/// The pictures of a folder, with one label each unless there are no classes.
struct Listing {
    pictures: Vec<PathBuf>,
    labels: Vec<u32>,
    classes: Vec<String>,
    passed_over: PassedOver,
}

fn list(dir: &Path) -> Result<Listing, DataError> {
    let mut passed_over = PassedOver::default();
    let root = Entries::read(dir, &mut passed_over)?;
    if root.folders.is_empty() {
        if root.pictures.is_empty() {
            let remedy = "put pictures there, or give another folder as data.dir";
            return Err(DataError::malformed(dir, format!("no pictures ({READ}) in it"), remedy));
        }
        let (labels, classes) = (vec![], vec![]);
        return Ok(Listing { pictures: root.pictures, labels, classes, passed_over });
    }
    if let Some(picture) = root.pictures.first() {
        let problem = "a picture beside class folders";
        return Err(DataError::malformed(picture, problem, "move it into one of them"));
    }
    let mut found = Listing { pictures: vec![], labels: vec![], classes: vec![], passed_over };
    for (label, folder) in (0..).zip(root.folders) {
        let class = Entries::read(&folder, &mut found.passed_over)?;
        if let Some(deeper) = class.folders.first() {
            let problem = "a folder within a class folder";
            return Err(DataError::malformed(deeper, problem, "move its pictures one up"));
        }
        if class.pictures.is_empty() {
            let problem = format!("a class folder without pictures ({READ})");
            return Err(DataError::malformed(folder, problem, "fill it or remove it"));
        }
        found.labels.extend(class.pictures.iter().map(|_| label));
        found.pictures.extend(class.pictures);
        let name = folder.file_name().unwrap_or_default();
        found.classes.push(name.to_string_lossy().into_owned());
    }
    Ok(found)
}

/// The content of one folder, sorted by name.
struct Entries {
    pictures: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Entries {
    fn read(dir: &Path, passed_over: &mut PassedOver) -> Result<Self, DataError> {
        let mut entries = Self { pictures: vec![], folders: vec![] };
        let found = fs::read_dir(dir).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut found = found.map_err(DataError::io("read the folder", dir))?;
        // Sorted, so that the same error comes first on every machine.
        found.sort_by_key(fs::DirEntry::file_name);
        for entry in found {
            let (path, name) = (entry.path(), entry.file_name());
            if is_hidden(&name) {
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                passed_over.add(&path, is_folder);
                continue;
            }
            // This follows links. A link that leads nowhere or in a circle is an error here.
            let metadata = fs::metadata(&path).map_err(DataError::io("read", &path))?;
            if metadata.is_dir() && !is_left_by_systems(&name) {
                entries.folders.push(path);
            } else if metadata.is_file() && is_picture(&path)? {
                entries.pictures.push(path);
            } else {
                // It stays unopened: reading a pipe or a device could wait for ever.
                passed_over.add(&path, metadata.is_dir());
            }
        }
        entries.pictures.sort();
        entries.folders.sort_by(|a, b| natural::compare(name(a), name(b)));
        Ok(entries)
    }
}

/// Whether a file is a picture that can be read.
///
/// # Errors
/// A picture that cannot be read.
fn is_picture(path: &Path) -> Result<bool, DataError> {
    match picture::content_of(path)? {
        Content::Readable(_) => Ok(true),
        Content::Unreadable(format) => Err(picture::not_read(path, format)),
        Content::NoPicture if has_ending_of_picture(path) => Err(picture::no_picture(path)),
        Content::NoPicture => Ok(false),
    }
}

fn name(path: &Path) -> &[u8] {
    path.file_name().unwrap_or_default().as_encoded_bytes()
}

#[cfg(test)]
mod tests;
