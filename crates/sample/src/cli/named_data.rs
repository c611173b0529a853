//! A dataset named on the command line.

use std::path::Path;

use crate::analytic::GammaError;
use anyhow::bail;
use halfstep_data::DataConfig;

/// The dataset called `name`, or the pictures in folder `name`, as images of `shape` = C, H, W.
/// `dir` is where a published dataset lies, if not at its usual place.
///
/// Refuses a dataset of another shape by its outline, before a file of it is fetched.
pub fn config(name: &str, dir: Option<&Path>, shape: [usize; 3]) -> anyhow::Result<DataConfig> {
    let config = match (DataConfig::named(name), dir) {
        (None | Some(DataConfig::Digits {}), Some(_)) => {
            bail!("--data-dir applies to published datasets, and {name} is not one; remove it")
        }
        (Some(published), Some(dir)) => published.in_dir(dir),
        (Some(published), None) => published,
        (None, None) if Path::new(name).is_dir() => {
            DataConfig::Folder { dir: name.into(), size: shape[1], channels: shape[0] }
        }
        (None, None) => {
            let known = DataConfig::NAMES.join(", ");
            bail!("{name} is neither a folder of pictures nor one of {known}")
        }
    };
    match config.outline() {
        Some(outline) if outline.shape != shape => {
            let (dataset, found, expected) = (name.to_owned(), outline.shape, shape);
            Err(GammaError::Shape { dataset, found, expected }.into())
        }
        _ => Ok(config),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use halfstep_data::Split;

    #[test]
    fn names_and_folders() {
        let of = |name, dir: Option<&str>, shape| config(name, dir.map(Path::new), shape).unwrap();
        let grey = [1, 28, 28];
        assert_eq!(of("digits", None, [1, 8, 8]), DataConfig::Digits {});
        let (dir, split) = ("data/mnist".into(), Split::Train);
        assert_eq!(of("mnist", None, grey), DataConfig::Mnist { dir, split });
        let dir = "x".into();
        assert_eq!(of("fashion_mnist", Some("x"), grey), DataConfig::FashionMnist { dir, split });
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().to_str().unwrap();
        let dir = folder.path().to_path_buf();
        assert_eq!(of(name, None, [3, 64, 64]), DataConfig::Folder { dir, size: 64, channels: 3 });
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let check = |name, dir: Option<&str>, words: &str| {
            let message = config(name, dir.map(Path::new), [1, 8, 8]).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        };
        check(
            "imagenet",
            None,
            "imagenet is neither a folder of pictures nor one of digits, mnist",
        );
        check("digits", Some("x"), "--data-dir");
        check("some/folder", Some("x"), "--data-dir");
        check("mnist", None, "dataset mnist has images of [1, 28, 28], the model draws [1, 8, 8]");
    }
}
