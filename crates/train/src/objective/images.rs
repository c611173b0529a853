//! Training from images: the usual denoising objective.

use halfstep_core::rng::{Purpose, Stream};
use halfstep_core::{DiscreteSchedule, LossWeighting, PredictionType, add_noise, training_target};
use halfstep_model::{DropoutMasks, Network};

use super::{Loss, fractions, training_times};
use crate::batches::TrainingBatch;

/// The target is the eps, x0 or v of noisy images, at times drawn from all of `0..T`.
#[derive(Clone, Copy, Debug)]
pub struct FromImages<'a> {
    /// The noise levels.
    pub schedule: &'a DiscreteSchedule,
    /// What the network predicts.
    pub prediction_type: PredictionType,
    /// The loss weighting of noise levels.
    pub weighting: LossWeighting,
    /// The source of the dropout masks; `None` turns dropout off.
    pub dropout: Option<DropoutSeed>,
}

/// The seed of a stage's dropout masks: with a batch's number it determines them.
#[derive(Clone, Copy, Debug)]
pub struct DropoutSeed(pub u64);

impl FromImages<'_> {
    /// The loss of `network`, on an autodiff device, for a batch on the same device.
    pub fn loss<N: Network>(&self, network: &N, batch: &TrainingBatch) -> Loss {
        let Self { schedule, prediction_type, weighting, dropout } = *self;
        let points = training_times(schedule, batch);
        let levels: Vec<_> = points.iter().map(|point| point.level).collect();
        let times: Vec<f64> = points.iter().map(|point| point.t).collect();
        let z = add_noise(batch.x0.clone(), batch.eps.clone(), &levels);
        let target = training_target(prediction_type, batch.x0.clone(), batch.eps.clone(), &levels);
        let labels = batch.labels.as_deref();
        let output = match dropout {
            None => network.predict(z, &times, labels),
            Some(DropoutSeed(seed)) => {
                let mut stream = Stream::new(seed, Purpose::Dropout, batch.number);
                let mut uniforms = |n: usize| (0..n).map(|_| stream.uniform() as f32).collect();
                let masks = DropoutMasks::new(&mut uniforms);
                network.predict_training(z, &times, labels, Some(masks))
            }
        };
        let weights = levels.iter().map(|&level| weighting.output_weight(prediction_type, level));
        Loss::weighted_mse(output, target, weights, fractions(schedule, &points))
    }
}
