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
    let bar = progress.items("reading pictures", found.pictures.len());
    let mut pixels = Vec::new();
    for path in &found.pictures {
        pixels.extend(picture::read(path, side, colour)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
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
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;

    /// A 2x2 picture of one grey.
    fn paint(dir: &Path, name: &str, grey: u8) {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        RgbImage::from_pixel(2, 2, Rgb([grey; 3])).save(path).unwrap();
    }

    fn folder(pictures: &[(&str, u8)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, grey) in pictures {
            paint(dir.path(), name, *grey);
        }
        dir
    }

    fn read(dir: &Path) -> Result<Dataset, DataError> {
        read_folder(dir, 2, 1, Progress::Hidden)
    }

    fn greys(data: &Dataset) -> Vec<u8> {
        (0..data.len()).map(|i| data.image(i)[0]).collect()
    }

    #[track_caller]
    fn refused(dir: &Path, parts: &[&str]) {
        let message = read(dir).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
    }

    #[test]
    fn pictures_in_the_root_are_unlabelled_and_sorted() {
        let dir = folder(&[("b.png", 2), ("a.PNG", 1), ("c.png", 3), ("B.png", 4)]);
        fs::write(dir.path().join("notes.txt"), "no picture").unwrap();
        fs::create_dir(dir.path().join(".cache")).unwrap();
        let data = read(dir.path()).unwrap();
        assert_eq!(greys(&data), [4, 1, 2, 3]);
        assert_eq!((data.labels(), data.num_classes()), (None, None));
        assert_eq!(data.shape(), [1, 2, 2]);
        assert!(data.allows_flip());
    }

    #[test]
    fn sub_folders_are_classes_in_the_order_of_their_names() {
        let dir = folder(&[("dogs/x.png", 3), ("cats/z.png", 2), ("cats/y.png", 1)]);
        let data = read(dir.path()).unwrap();
        assert_eq!(greys(&data), [1, 2, 3]);
        assert_eq!(data.labels(), Some(&[0, 0, 1][..]));
        assert_eq!(data.class_names(), ["cats", "dogs"]);
    }

    #[test]
    fn rgb_and_resizing() {
        let dir = folder(&[("a.png", 9)]);
        let data = read_folder(dir.path(), 5, 3, Progress::Hidden).unwrap();
        assert_eq!(data.shape(), [3, 5, 5]);
        assert_eq!(data.image(0), [9; 75]);
    }

    #[test]
    fn the_identity_does_not_depend_on_where_the_folder_is() {
        let [one, two] = [(); 2].map(|()| folder(&[("a/x.png", 1), ("b/x.png", 2)]));
        assert_eq!(read(one.path()).unwrap().sha256(), read(two.path()).unwrap().sha256());
    }

    #[test]
    fn a_mix_is_refused() {
        let dir = folder(&[("a.png", 1), ("cats/b.png", 2)]);
        refused(dir.path(), &["a.png", "a picture beside class folders"]);
    }

    #[test]
    fn nothing_to_read_is_refused() {
        let dir = folder(&[]);
        refused(dir.path(), &["no PNG or JPEG pictures", "data.dir"]);
        fs::create_dir(dir.path().join("cats")).unwrap();
        refused(dir.path(), &["cats", "a class folder without"]);
    }

    #[test]
    fn a_missing_folder_and_a_file_are_refused() {
        let dir = folder(&[("a.png", 1)]);
        refused(&dir.path().join("none"), &["cannot read the folder", "none"]);
        refused(&dir.path().join("a.png"), &["cannot read the folder", "a.png"]);
    }

    #[test]
    fn folders_within_classes_are_refused() {
        let dir = folder(&[("cats/a.png", 1), ("cats/old/b.png", 2)]);
        refused(dir.path(), &["old", "a folder within a class folder"]);
    }

    #[test]
    fn a_picture_of_another_format_is_not_passed_over() {
        let dir = folder(&[("a.png", 1)]);
        fs::write(dir.path().join("b.WebP"), "RIFF").unwrap();
        refused(dir.path(), &["b.WebP", "convert it to PNG or JPEG"]);
    }

    #[test]
    fn a_corrupt_picture_is_named() {
        let dir = folder(&[("cats/a.png", 1)]);
        fs::write(dir.path().join("cats/b.jpg"), [0xff, 0xd8, 0xff, 0xe0, 0, 1]).unwrap();
        refused(dir.path(), &["b.jpg", "not a readable PNG or JPEG"]);
    }

    #[test]
    fn sizes_and_channels_that_cannot_be_are_refused_by_key() {
        let dir = folder(&[("a.png", 1)]);
        for size in [0, LARGEST_SIDE + 1, usize::MAX] {
            let message =
                read_folder(dir.path(), size, 3, Progress::Hidden).unwrap_err().to_string();
            assert!(message.starts_with("data.size: "), "{message}");
        }
        for channels in [0, 2, 4] {
            let error = read_folder(dir.path(), 2, channels, Progress::Hidden).unwrap_err();
            assert!(error.to_string().starts_with("data.channels: "), "{error}");
        }
    }

    #[cfg(unix)]
    mod unix {
        use std::os::unix::ffi::OsStrExt;
        use std::os::unix::fs::symlink;

        use super::*;

        #[test]
        fn a_name_that_is_not_unicode_is_read_as_any_other() {
            let dir = folder(&[]);
            let class = dir.path().join(OsStr::from_bytes(b"caf\xe9"));
            // Some file systems refuse such names; then there is nothing to test.
            if fs::create_dir(&class).is_ok() {
                paint(&class, "a.png", 1);
                let data = read(dir.path()).unwrap();
                assert_eq!(data.class_names(), ["caf\u{fffd}"]);
            }
        }

        #[test]
        fn links_are_followed() {
            let dir = folder(&[("a.png", 1)]);
            symlink(dir.path().join("a.png"), dir.path().join("b.png")).unwrap();
            assert_eq!(greys(&read(dir.path()).unwrap()), [1, 1]);
        }

        #[test]
        fn a_link_to_itself_to_nowhere_or_to_its_folder_is_refused() {
            for target in ["loop", "nowhere", "."] {
                let dir = folder(&[("cats/a.png", 1)]);
                symlink(target, dir.path().join("cats/loop")).unwrap();
                refused(dir.path(), &["loop"]);
            }
        }
    }
}
