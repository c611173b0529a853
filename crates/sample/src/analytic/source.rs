//! What an estimate is made from.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use halfstep_data::Dataset;
use halfstep_data::hash::hex;
use halfstep_model::ModelFiles;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::SampleError;
use halfstep_core::counted;

/// All that the numbers of a [`GammaTable`](super::GammaTable) depend on, up to rounding.
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
    /// SHA-256 of the network's weights and of the scheduler config, which says what they predict at
    /// which noise levels.
    pub model_sha256: String,
}

impl GammaSource {
    /// M images a time of `dataset`, through the network of a model folder.
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

    /// What of `other` is not as here, in words; `None` if they give the same numbers.
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self.samples != other.samples {
            return Some(format!(
                "it takes {} per time, not {}",
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
                true => format!("{of} has other images by now"),
                false => format!("it is of dataset {of}, not {here}"),
            });
        }
        (self.model_sha256 != other.model_sha256)
            .then(|| "it is of other weights or another scheduler config".to_owned())
    }
}

/// SHA-256, in hexadecimal, of the weights files of a model folder and of its scheduler config, one
/// after the other.
///
/// # Errors
/// [`SampleError::File`] if one cannot be read.
pub fn model_sha256(model_dir: &Path) -> Result<String, SampleError> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let files = ModelFiles::of(model_dir)?;
    for path in files.weights.into_iter().chain(files.scheduler) {
        let wrong = |error: std::io::Error| SampleError::file(&path, error);
        let mut file = File::open(&path).map_err(wrong)?;
        loop {
            match file.read(&mut buffer).map_err(wrong)? {
                0 => break,
                count => hasher.update(&buffer[..count]),
            }
        }
    }
    Ok(hex(&hasher.finalize()))
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
        let says = |other: GammaSource, words: &str| {
            let difference = one.difference(&other).unwrap();
            assert!(difference.contains(words), "{difference}");
        };
        assert_eq!(one.difference(&GammaSource { dataset: "x".into(), ..one.clone() }), None);
        says(GammaSource { samples: 20, ..one.clone() }, "20 images per time, not 10");
        says(GammaSource { seed: 2, ..one.clone() }, "seed is 2, not 1");
        let other = GammaSource { dataset_sha256: "e".into(), ..one.clone() };
        says(other.clone(), "digits has other images");
        says(GammaSource { dataset: "mnist".into(), ..other }, "of dataset mnist, not digits");
        says(GammaSource { model_sha256: "x".into(), ..one.clone() }, "other weights");
    }
}
