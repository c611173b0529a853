//! A folder of pictures as a dataset.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::picture::{self, Colour};
use crate::{DataError, Dataset, Progress};

/// The largest side; one RGB image of it takes 12 MiB as bytes and 48 MiB as floats.
const LARGEST_SIDE: usize = 2048;

/// What is read, told by the end of the name.
const READ: [&str; 3] = ["png", "jpg", "jpeg"];

/// Pictures that are not read. They are refused rather than passed over: who put them there means
/// them to be used.
const NOT_READ: [&str; 9] = ["webp", "gif", "bmp", "tif", "tiff", "avif", "heic", "jxl", "ppm"];

/// Reads the PNG and JPEG pictures of a folder as `[channels, size, size]` images, `channels`
/// being 3 for RGB and 1 for grey.
///
/// Pictures directly in the folder are unlabelled; pictures in its sub-folders have the sub-folder
/// as their class; a mix of both is refused. Classes and pictures are in the order of their names,
/// so the dataset is the same everywhere. Names that begin with a dot and files that are no
/// pictures are passed over. Of each picture the central square is resized to `size`;
/// 16-bit samples are reduced to 8 bits, transparency is laid over white, EXIF rotation is obeyed.
/// A picture that is damaged or cut short is refused, not passed over.
///
/// # Errors
/// [`DataError::Config`] for a `size` or `channels` that cannot be; [`DataError::Io`],
/// [`DataError::Picture`] or [`DataError::Malformed`] naming the file or folder otherwise.
pub fn read_folder(
    dir: &Path,
    size: usize,
    channels: usize,
    progress: Progress,
) -> Result<Dataset, DataError> {
    let (side, colour) = check(size, channels)?;
    let found = list(dir)?;
    let mut bar = progress.items("reading pictures", found.pictures.len());
    let mut pixels = Vec::new();
    for (done, path) in (1..).zip(&found.pictures) {
        pixels.extend(picture::read(path, side, colour)?);
        bar.set_position(done);
    }
    drop(bar);
    let name = dir.file_name().unwrap_or(OsStr::new("folder")).to_string_lossy().into_owned();
    let labelled = !found.classes.is_empty();
    Dataset::new(
        name,
        [channels, size, size],
        pixels,
        labelled.then_some(found.labels),
        labelled.then_some(found.classes.len()),
    )?
    .with_flip(true)
    .with_class_names(found.classes)
}

fn check(size: usize, channels: usize) -> Result<(u32, Colour), DataError> {
    let colour = match channels {
        1 => Colour::Grey,
        3 => Colour::Rgb,
        _ => {
            let problem = format!("{channels} is neither 3 (RGB) nor 1 (grey)");
            return Err(DataError::Config { field: "channels", problem });
        }
    };
    match u32::try_from(size) {
        Ok(side) if (1..=LARGEST_SIDE).contains(&size) => Ok((side, colour)),
        _ => {
            let problem = format!("{size} is not between 1 and {LARGEST_SIDE} pixels");
            Err(DataError::Config { field: "size", problem })
        }
    }
}

/// The pictures of a folder; one label each, unless there are no classes.
struct Found {
    pictures: Vec<PathBuf>,
    labels: Vec<u32>,
    classes: Vec<String>,
}

fn list(dir: &Path) -> Result<Found, DataError> {
    let root = Entries::of(dir)?;
    if root.folders.is_empty() {
        if root.pictures.is_empty() {
            let remedy = "put pictures there, or give another folder as data.dir";
            return Err(DataError::malformed(dir, "no PNG or JPEG pictures", remedy));
        }
        return Ok(Found { pictures: root.pictures, labels: vec![], classes: vec![] });
    }
    if let Some(picture) = root.pictures.first() {
        let problem = "a picture beside class folders";
        return Err(DataError::malformed(picture, problem, "move it into one of them"));
    }
    let mut found = Found { pictures: vec![], labels: vec![], classes: vec![] };
    for (label, folder) in (0..).zip(root.folders) {
        let class = Entries::of(&folder)?;
        if let Some(deeper) = class.folders.first() {
            let problem = "a folder within a class folder";
            return Err(DataError::malformed(deeper, problem, "move its pictures one up"));
        }
        if class.pictures.is_empty() {
            let problem = "a class folder without PNG or JPEG pictures";
            return Err(DataError::malformed(folder, problem, "fill it or remove it"));
        }
        found.labels.extend(class.pictures.iter().map(|_| label));
        found.pictures.extend(class.pictures);
        let name = folder.file_name().unwrap_or_default();
        found.classes.push(name.to_string_lossy().into_owned());
    }
    Ok(found)
}

/// What one folder holds, sorted by name.
struct Entries {
    pictures: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Entries {
    fn of(dir: &Path) -> Result<Self, DataError> {
        let mut entries = Self { pictures: vec![], folders: vec![] };
        for entry in fs::read_dir(dir).map_err(DataError::io("read the folder", dir))? {
            let entry = entry.map_err(DataError::io("read the folder", dir))?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            // This follows links; one that leads nowhere or around in a circle is an error here.
            let metadata = fs::metadata(&path).map_err(DataError::io("read", &path))?;
            if metadata.is_dir() {
                entries.folders.push(path);
            } else if !metadata.is_file() {
                // Reading a pipe or a device could wait for ever.
                continue;
            } else if has_ending(&path, &READ) {
                entries.pictures.push(path);
            } else if has_ending(&path, &NOT_READ) {
                let problem = "pictures of this format are not read";
                return Err(DataError::malformed(path, problem, "convert it to PNG or JPEG"));
            }
        }
        entries.pictures.sort();
        entries.folders.sort();
        Ok(entries)
    }
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    path.extension()
        .is_some_and(|found| endings.iter().any(|ending| found.eq_ignore_ascii_case(ending)))
}

#[cfg(test)]
mod tests;
