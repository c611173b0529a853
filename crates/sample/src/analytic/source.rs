//! The inputs of an estimate.

use std::path::{Path, PathBuf};

use halfstep_data::Dataset;
use halfstep_files::files_sha256;
use halfstep_model::ModelFiles;
use serde::{Deserialize, Serialize};

use crate::error::SampleError;
use halfstep_core::counted;

/// All that the numbers of a [`GammaTable`](crate::GammaTable) depend on, up to rounding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GammaSource {
    /// Images at every time, M.
    pub samples: usize,
    /// Of the choice of images and of the noise.
    pub seed: u64,
    /// The dataset, for people.
    pub dataset: String,
    /// SHA-256 of its pixels and labels.
    pub dataset_sha256: String,
    /// SHA-256 of the network's weights and of the scheduler config, which fixes what they predict at
    /// which noise levels.
    pub model_sha256: String,
}

impl GammaSource {
    /// M images per time of `dataset`, through the network of a model folder.
    ///
    /// # Errors
    /// [`SampleError::File`] if the weights cannot be read.
    pub fn new(
        model_dir: &Path,
        dataset: &Dataset,
        samples: usize,
        seed: u64,
    ) -> Result<Self, SampleError> {
        Ok(Self {
            samples,
            seed,
            dataset: dataset.name().to_owned(),
            dataset_sha256: dataset.sha256().to_owned(),
            model_sha256: model_sha256(model_dir)?,
        })
    }

    /// The first difference of `other` in words; `None` if both give the same numbers.
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self.samples != other.samples {
            return Some(format!(
                "it uses {} per time, not {}",
                counted(other.samples, "image"),
                self.samples
            ));
        }
        if self.seed != other.seed {
            return Some(format!("its seed is {}, not {}", other.seed, self.seed));
        }
        if self.dataset_sha256 != other.dataset_sha256 {
            let (of, here) = (&other.dataset, &self.dataset);
            return Some(match of == here {
                true => format!("the images of {of} have changed"),
                false => format!("it is of dataset {of}, not {here}"),
            });
        }
        (self.model_sha256 != other.model_sha256)
            .then(|| "it was made with other weights or another scheduler config".to_owned())
    }
}

/// SHA-256, in hexadecimal, of the weights files of a model folder and of its scheduler config, one
/// after the other.
///
/// # Errors
/// [`SampleError::File`] if one cannot be read.
pub fn model_sha256(model_dir: &Path) -> Result<String, SampleError> {
    let files = ModelFiles::read(model_dir)?;
    let files: Vec<PathBuf> = files.weights.into_iter().chain(files.scheduler).collect();
    Ok(files_sha256(b"", &files)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_and_scheduler_are_hashed_whole() {
        let dir = tempfile::tempdir().unwrap();
        let (unet, scheduler) = (dir.path().join("unet"), dir.path().join("scheduler"));
        for sub in [&unet, &scheduler] {
            std::fs::create_dir(sub).unwrap();
        }
        std::fs::write(unet.join("config.json"), "{}").unwrap();
        let weights = unet.join("diffusion_pytorch_model.safetensors");
        std::fs::write(scheduler.join("scheduler_config.json"), vec![b'a'; 1000]).unwrap();
        let message = model_sha256(dir.path()).unwrap_err().to_string();
        assert!(message.contains("no weights"), "{message}");
        std::fs::write(weights, vec![b'a'; 999_000]).unwrap();
        // FIPS 180-2, appendix B.3: a million times "a".
        let expected = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
        assert_eq!(model_sha256(dir.path()).unwrap(), expected);
    }

    #[test]
    fn a_difference_is_named_and_the_name_of_the_data_is_none() {
        let one = GammaSource {
            samples: 10,
            seed: 1,
            dataset: "digits".into(),
            dataset_sha256: "d".into(),
            model_sha256: "w".into(),
        };
        let check = |other: GammaSource, words: &str| {
            let difference = one.difference(&other).unwrap();
            assert!(difference.contains(words), "{difference}");
        };
        assert_eq!(one.difference(&GammaSource { dataset: "x".into(), ..one.clone() }), None);
        check(GammaSource { samples: 20, ..one.clone() }, "20 images per time, not 10");
        check(GammaSource { seed: 2, ..one.clone() }, "seed is 2, not 1");
        let other = GammaSource { dataset_sha256: "e".into(), ..one.clone() };
        check(other.clone(), "the images of digits have changed");
        check(GammaSource { dataset: "mnist".into(), ..other }, "of dataset mnist, not digits");
        check(GammaSource { model_sha256: "x".into(), ..one.clone() }, "other weights");
    }
}
