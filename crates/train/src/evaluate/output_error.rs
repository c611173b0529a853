//! The mean squared error of the teacher's prediction, with the averaged weights.

use burn::tensor::Device;
use halfstep_core::LossWeighting;
use halfstep_data::ImageSource;
use halfstep_model::ModelFolder;

use crate::batches::BatchSource;
use crate::error::TrainError;
use crate::objective::FromImages;

/// The number of images on which the error is measured. Images of a smaller dataset are used repeatedly, with
/// other noises and times.
pub(crate) const IMAGES: u64 = 1024;
/// Images per batch.
const BATCH: u64 = 32;
/// Added to the seed, so that the random numbers differ from those of every stage.
const SEED_OFFSET: u64 = 0x45_56_41_4c;

/// The mean squared error of the network's prediction (of v for a v-model) on images of `dataset` with noise,
/// at one time in each of [`IMAGES`] equal strata of `[0, 1]`.
pub(crate) fn output_mse(
    model: &ModelFolder,
    images: &dyn ImageSource,
    labels: bool,
    seed: u64,
    device: &Device,
) -> Result<f64, TrainError> {
    let seed = seed.wrapping_add(SEED_OFFSET);
    let parts = IMAGES / BATCH;
    let batches = BatchSource::new(images, seed, IMAGES as usize);
    let mut source = BatchSource { parts: parts as usize, labels, ..batches };
    let objective = FromImages {
        schedule: &model.schedule,
        prediction_type: model.prediction_type(),
        weighting: LossWeighting::SnrPlusOne,
        dropout: None,
    };
    let mut total = 0.0;
    for part in 0..parts as usize {
        let batch = source.part(0, part).upload(device);
        let loss = objective.loss(&model.unet, &batch);
        let data = loss.errors.mean().try_into_data().map_err(TrainError::device)?;
        total += data.iter::<f64>().sum::<f64>() / parts as f64;
    }
    Ok(total)
}
