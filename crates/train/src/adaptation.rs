//! Teaching a network that predicts something else, or at other noise levels, to predict v at ours.

use std::f64::consts::FRAC_PI_4;

use burn::tensor::{Bool, Tensor, TensorData};
use halfstep_core::{
    Denoiser, DiscreteSchedule, LossWeighting, NoiseLevel, Prediction, PredictionType, TimePoint,
    add_noise, training_target,
};
use halfstep_model::{UNet, UNetDenoiser};

use crate::batches::TrainingBatch;
use crate::error::TrainError;
use crate::objective::{Loss, fractions, training_times, weighted_mse};
use crate::original::Original;

/// What is adapted, and to what.
pub(crate) struct Adaptation<'a> {
    /// The original's network, frozen, without autodiff.
    pub network: &'a UNet,
    /// What its answers mean.
    pub original: &'a Original,
    /// The run's times.
    pub schedule: &'a DiscreteSchedule,
    /// What the adapted network predicts.
    pub kind: PredictionType,
    /// How noise levels count.
    pub weighting: LossWeighting,
}

/// The network's answer against the original's at the same z and the same noise level, said as `kind`.
/// Where the original's answer cannot be trusted (see [`Original::knows`]: pure noise above all, which
/// eps says nothing about) the images teach, as they teach a teacher.
///
/// # Errors
/// [`TrainError::Model`] if the labels do not fit the original.
pub(crate) fn adaptation_loss(
    unet: &UNet,
    adaptation: &Adaptation<'_>,
    batch: &TrainingBatch,
) -> Result<Loss, TrainError> {
    let Adaptation { original, schedule, kind, .. } = adaptation;
    let points = training_times(schedule, batch);
    let levels: Vec<_> = points.iter().map(|point| point.level).collect();
    let times: Vec<f64> = points.iter().map(|point| point.t).collect();
    let z = add_noise(batch.x0.clone(), batch.eps.clone(), &levels);
    let of_images = training_target(*kind, batch.x0.clone(), batch.eps.clone(), &levels).inner();
    let target = {
        let theirs = &original.outline.schedule;
        // Of an answer that is not used, any level will do that has no infinity in it.
        let harmless = NoiseLevel::from_phi(FRAC_PI_4);
        let asked: Vec<TimePoint> = levels
            .iter()
            .map(|&level| theirs.point_at(if original.knows(level) { level } else { harmless }))
            .collect();
        let network = UNetDenoiser::new(
            adaptation.network,
            original.outline.scheduler.prediction_type,
            batch.labels.clone(),
        )?;
        let answer = in_kind(network.predict(z.clone().inner(), &asked), *kind);
        let known: Vec<bool> = levels.iter().map(|&level| original.knows(level)).collect();
        choose(answer, of_images, &known)
    };
    let output = unet.forward(z, &times, batch.labels.as_deref(), None);
    let weights = levels.iter().map(|&level| adaptation.weighting.output_weight(*kind, level));
    Ok(weighted_mse(output, Tensor::from_inner(target), weights, fractions(schedule, &points)))
}

fn in_kind(prediction: Prediction, kind: PredictionType) -> Tensor<4> {
    match kind {
        PredictionType::Epsilon => prediction.eps(),
        PredictionType::Sample => prediction.x0(),
        PredictionType::VPrediction => prediction.v(),
    }
}

/// Image k of `yes` where `which[k]`, of `no` elsewhere.
fn choose(yes: Tensor<4>, no: Tensor<4>, which: &[bool]) -> Tensor<4> {
    let shape = [which.len(), 1, 1, 1];
    let mask = TensorData::new(which.to_vec(), shape);
    let mask = Tensor::<4, Bool>::from_data(mask, &yes.device());
    let mask = mask.expand(yes.dims());
    no.mask_where(mask, yes)
}
