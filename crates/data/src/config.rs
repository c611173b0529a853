//! The `[data]` section of a configuration file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::folder::{self, is_hidden};
use crate::paths::within;
use crate::progress::{LoadProgress, silent};
use crate::published::{CIFAR10, FASHION_MNIST, MNIST, cifar, digits, mnist};
use crate::source::Outline;
use crate::split::Split;
use crate::{DataError, Dataset};

/// Which images to train on: the `[data]` section.
///
/// ```
/// # use halfstep_data::DataConfig;
/// let data: DataConfig = toml::from_str(r#"
///     kind = "folder"
///     dir = "pictures"
///     size = 64
/// "#)?;
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum DataConfig {
    /// 1797 handwritten digits of 8x8 grey pixels, embedded in the program: nothing to fetch.
    Digits {},
    /// CIFAR-10: 32x32 RGB photographs of ten classes.
    Cifar10 {
        /// The folder with the six official `.bin` files. Missing ones are fetched into it.
        #[serde(default = "cifar10_dir")]
        dir: PathBuf,
        /// 50000 images for training or 10000 for testing.
        #[serde(default)]
        split: Split,
    },
    /// MNIST: handwritten digits of 28x28 grey pixels.
    Mnist {
        /// The folder with the four idx files, gzipped or not. Missing ones are fetched into it.
        #[serde(default = "mnist_dir")]
        dir: PathBuf,
        /// 60000 images for training or 10000 for testing.
        #[serde(default)]
        split: Split,
    },
    /// Fashion-MNIST: pieces of clothing of 28x28 grey pixels.
    FashionMnist {
        /// The folder with the four idx files, gzipped or not. Missing ones are fetched into it.
        #[serde(default = "fashion_mnist_dir")]
        dir: PathBuf,
        /// 60000 images for training or 10000 for testing.
        #[serde(default)]
        split: Split,
    },
    /// Pictures of any size; see [`read_folder`](crate::read_folder).
    Folder {
        /// The folder; each of its sub-folders, if any, is a class.
        dir: PathBuf,
        /// Side in pixels of the square that every picture is cropped and resized to.
        size: usize,
        /// 3 for RGB, 1 for grey.
        #[serde(default = "rgb")]
        channels: usize,
    },
}

impl DataConfig {
    /// The datasets with a name of their own: all but folders of pictures.
    pub const NAMES: [&str; 4] = ["digits", "mnist", "fashion_mnist", "cifar10"];

    /// The training images of the dataset called `name` in their usual folder; `None` unless the name is one
    /// of [`NAMES`](Self::NAMES).
    pub fn named(name: &str) -> Option<Self> {
        let split = Split::Train;
        match name {
            "digits" => Some(Self::Digits {}),
            "mnist" => Some(Self::Mnist { dir: mnist_dir(), split }),
            "fashion_mnist" => Some(Self::FashionMnist { dir: fashion_mnist_dir(), split }),
            "cifar10" => Some(Self::Cifar10 { dir: cifar10_dir(), split }),
            _ => None,
        }
    }

    /// Another split of the same dataset; `None` for a dataset without splits.
    #[must_use]
    pub fn of_split(mut self, of: Split) -> Option<Self> {
        match &mut self {
            Self::Cifar10 { split, .. }
            | Self::Mnist { split, .. }
            | Self::FashionMnist { split, .. } => *split = of,
            Self::Digits {} | Self::Folder { .. } => return None,
        }
        Some(self)
    }

    /// The split, if the dataset has any.
    pub fn split(&self) -> Option<Split> {
        match self {
            Self::Cifar10 { split, .. }
            | Self::Mnist { split, .. }
            | Self::FashionMnist { split, .. } => Some(*split),
            Self::Digits {} | Self::Folder { .. } => None,
        }
    }

    /// The folder that the images lie in, if any.
    pub fn dir(&self) -> Option<&Path> {
        match self {
            Self::Digits {} => None,
            Self::Cifar10 { dir, .. }
            | Self::Mnist { dir, .. }
            | Self::FashionMnist { dir, .. }
            | Self::Folder { dir, .. } => Some(dir),
        }
    }

    /// The same dataset in another folder; a dataset without a folder stays as it is.
    #[must_use]
    pub fn in_dir(mut self, place: &Path) -> Self {
        match &mut self {
            Self::Digits {} => {}
            Self::Cifar10 { dir, .. }
            | Self::Mnist { dir, .. }
            | Self::FashionMnist { dir, .. }
            | Self::Folder { dir, .. } => *dir = place.to_path_buf(),
        }
        self
    }

    /// The folder of pictures whose next reading would include `path`; `None` for a path that lies elsewhere or
    /// has a part that begins with a dot.
    pub fn would_see(&self, path: &Path) -> Option<&Path> {
        let Self::Folder { dir, .. } = self else { return None };
        let way = within(path, dir)?;
        (!way.iter().any(is_hidden)).then_some(dir)
    }

    /// Reads the images into memory. Fetches a published dataset that is not on disk.
    ///
    /// # Errors
    /// A [`DataError`] that names the file or the setting and the remedy.
    pub fn load(&self) -> Result<Dataset, DataError> {
        self.load_with(&mut silent)
    }

    /// As [`load`](Self::load); `progress` receives the progress of reading and fetching.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_with(&self, progress: &mut LoadProgress<'_>) -> Result<Dataset, DataError> {
        match self {
            Self::Digits {} => digits::load(),
            Self::Cifar10 { dir, split } => {
                CIFAR10.ensure(dir, progress)?;
                cifar::load(&CIFAR10, dir, *split)
            }
            Self::Mnist { dir, split } => {
                MNIST.ensure(dir, progress)?;
                mnist::load_digits(dir, *split)
            }
            Self::FashionMnist { dir, split } => {
                FASHION_MNIST.ensure(dir, progress)?;
                mnist::load_fashion(dir, *split)
            }
            Self::Folder { dir, .. } if !dir.exists() => {
                Err(DataError::NoFolder { dir: dir.clone() })
            }
            Self::Folder { dir, size, channels } => {
                folder::read_folder(dir, *size, *channels, progress)
            }
        }
    }

    /// The outline of the images without reading them; `None` for a folder of pictures.
    pub fn outline(&self) -> Option<Outline> {
        let digits = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
        let (shape, [train, test], allows_flip, classes) = match self {
            Self::Digits {} => ([1, 8, 8], [1797, 0], false, digits),
            Self::Cifar10 { .. } => ([3, 32, 32], [50_000, 10_000], true, cifar::CLASSES),
            Self::Mnist { .. } => ([1, 28, 28], [60_000, 10_000], false, digits),
            Self::FashionMnist { .. } => ([1, 28, 28], [60_000, 10_000], true, mnist::CLOTHES),
            Self::Folder { .. } => return None,
        };
        let class_names = classes.map(String::from).to_vec();
        Some(Outline {
            shape,
            len: if self.split() == Some(Split::Test) { test } else { train },
            num_classes: Some(class_names.len()),
            class_names,
            allows_flip,
        })
    }

    /// One line for people: the images, and the folder that they lie in.
    pub fn describe(&self) -> String {
        match self {
            Self::Digits {} => "UCI digits, 8x8 grey, embedded".into(),
            Self::Cifar10 { dir, split } => published("CIFAR-10", "32x32 RGB", *split, dir),
            Self::Mnist { dir, split } => published("MNIST", "28x28 grey", *split, dir),
            Self::FashionMnist { dir, split } => {
                published("Fashion-MNIST", "28x28 grey", *split, dir)
            }
            Self::Folder { dir, size, channels } => {
                let colour = if *channels == 1 { "grey" } else { "RGB" };
                format!("pictures, {size}x{size} {colour}, in {}", dir.display())
            }
        }
    }
}

fn published(title: &str, format: &str, split: Split, dir: &Path) -> String {
    format!("{title}, {format}, {} images, in {}", split.name(), dir.display())
}

fn cifar10_dir() -> PathBuf {
    "data/cifar10".into()
}

fn mnist_dir() -> PathBuf {
    "data/mnist".into()
}

fn fashion_mnist_dir() -> PathBuf {
    "data/fashion_mnist".into()
}

fn rgb() -> usize {
    3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<DataConfig, toml::de::Error> {
        toml::from_str(text)
    }

    fn everything() -> Vec<DataConfig> {
        vec![
            DataConfig::Digits {},
            DataConfig::Cifar10 { dir: "a".into(), split: Split::Test },
            DataConfig::Mnist { dir: "b".into(), split: Split::Train },
            DataConfig::FashionMnist { dir: "c".into(), split: Split::Test },
            DataConfig::Folder { dir: "d".into(), size: 64, channels: 1 },
        ]
    }

    #[test]
    fn every_kind_survives_being_written_and_read() {
        for config in everything() {
            let text = toml::to_string(&config).unwrap();
            assert_eq!(parse(&text).unwrap(), config, "{text}");
        }
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let train = Split::Train;
        for (text, expected) in [
            ("kind = 'digits'", DataConfig::Digits {}),
            ("kind = 'cifar10'", DataConfig::Cifar10 { dir: "data/cifar10".into(), split: train }),
            ("kind = 'mnist'", DataConfig::Mnist { dir: "data/mnist".into(), split: train }),
            (
                "kind = 'fashion_mnist'",
                DataConfig::FashionMnist { dir: "data/fashion_mnist".into(), split: train },
            ),
            (
                "kind = 'folder'\ndir = 'x'\nsize = 32",
                DataConfig::Folder { dir: "x".into(), size: 32, channels: 3 },
            ),
        ] {
            assert_eq!(parse(text).unwrap(), expected);
        }
    }

    #[test]
    fn keys_of_another_kind_and_misspelt_ones_are_refused_by_name() {
        for (text, key) in [
            ("kind = 'digits'\ndir = 'x'", "dir"),
            ("kind = 'cifar10'\nsize = 32", "size"),
            ("kind = 'mnist'\nsplitt = 'test'", "splitt"),
            ("kind = 'fashion_mnist'\nchannels = 1", "channels"),
            ("kind = 'folder'\ndir = 'x'\nsize = 32\nsplit = 'test'", "split"),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains(&format!("unknown field `{key}`")), "{message}");
        }
    }

    #[test]
    fn what_is_needed_or_unknown_is_named() {
        for (text, said) in [
            ("", "missing field `kind`"),
            ("kind = 'imagenet'", "unknown variant `imagenet`, expected one of `digits`"),
            ("kind = 'folder'\nsize = 32", "missing field `dir`"),
            ("kind = 'folder'\ndir = 'x'", "missing field `size`"),
            ("kind = 'cifar10'\nsplit = 'dev'", "unknown variant `dev`"),
            ("kind = 'folder'\ndir = 'x'\nsize = -1", "invalid value"),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains(said), "{message}");
        }
    }

    #[test]
    fn descriptions_name_the_data_and_the_folder() {
        let lines: Vec<String> = everything().iter().map(DataConfig::describe).collect();
        assert_eq!(
            lines,
            [
                "UCI digits, 8x8 grey, embedded",
                "CIFAR-10, 32x32 RGB, test images, in a",
                "MNIST, 28x28 grey, train images, in b",
                "Fashion-MNIST, 28x28 grey, test images, in c",
                "pictures, 64x64 grey, in d",
            ]
        );
    }

    #[test]
    fn digits_and_folders_load_without_a_network() {
        let digits = DataConfig::Digits {};
        assert_eq!(digits.load().unwrap().outline(), digits.outline().unwrap());
        let folder = DataConfig::Folder { dir: "not here".into(), size: 8, channels: 3 };
        let message = folder.load().unwrap_err().to_string();
        let current = std::env::current_dir().unwrap().display().to_string();
        let expected = format!("data.dir: there is no folder not here (relative to {current})");
        assert_eq!(message, expected);
    }

    #[test]
    fn what_is_written_among_pictures_would_be_seen() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        let pictures = DataConfig::Folder { dir: at("pictures"), size: 8, channels: 3 };
        for path in ["pictures", "pictures/run", "pictures/cats/grid.png"] {
            assert_eq!(pictures.would_see(&at(path)), Some(at("pictures").as_path()), "{path}");
        }
        for path in ["runs/x", "pictures/.runs/x", "pictures.png"] {
            assert_eq!(pictures.would_see(&at(path)), None, "{path}");
        }
        let mnist = DataConfig::Mnist { dir: at("mnist"), split: Split::Train };
        assert_eq!(
            mnist.would_see(&at("mnist/run")),
            None,
            "only files of known names are read there"
        );
    }
}
