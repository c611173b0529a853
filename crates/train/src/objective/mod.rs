//! Training objectives: the loss of a network on a batch. A stage chooses its objective once, when it starts.
//!
//! Each objective is one file and one variant of [`Objective`]; a new distillation method adds one of each.

mod adapt;
mod halve;
mod images;
#[cfg(test)]
mod testing;

use burn::tensor::Tensor;
use halfstep_core::{DiscreteSchedule, TimePoint, column};
use halfstep_model::Network;

pub use self::adapt::Adaptation;
pub use self::halve::Halving;
pub use self::images::{DropoutSeed, FromImages};
use crate::batches::TrainingBatch;
use crate::error::TrainError;

/// A training objective: it turns a batch into a loss.
#[derive(Clone, Copy, Debug)]
pub enum Objective<'a, N: Network> {
    /// Predict the noise, the image or the velocity of noisy images.
    Images(FromImages<'a>),
    /// Predict what a pretrained network predicts, with this run's times and prediction type.
    Adapt(Adaptation<'a, N>),
    /// Match two steps of a teacher in one step.
    Halve(Halving<'a, N>),
}

impl<N: Network> Objective<'_, N> {
    /// The loss of `network`, on an autodiff device, for one part of a batch on the same device.
    ///
    /// # Errors
    /// [`TrainError::Model`] if the labels do not fit the teacher or the pretrained network.
    pub fn loss(&self, network: &N, batch: &TrainingBatch) -> Result<Loss, TrainError> {
        match self {
            Self::Images(images) => Ok(images.loss(network, batch)),
            Self::Adapt(adaptation) => adaptation.loss(network, batch),
            Self::Halve(halving) => halving.loss(network, batch),
        }
    }
}

/// The loss to minimise, and the unweighted errors.
#[derive(Clone, Debug)]
pub struct Loss {
    /// The mean of weight times squared error, `[1]`, tracked by autodiff.
    pub weighted: Tensor<1>,
    /// The mean squared error of each image's prediction, unweighted, `[B]`, not tracked.
    pub errors: Tensor<1>,
    /// The time of each image as a fraction `u = (t + 1)/T` in `(0, 1]`, clean to noise.
    pub u: Vec<f64>,
}

impl Loss {
    /// The weighted mean squared error between `output` and `target`, both `[B, C, H, W]`, with one weight and
    /// one time `u` per image.
    pub fn weighted_mse(
        output: Tensor<4>,
        target: Tensor<4>,
        weights: impl Iterator<Item = f64>,
        u: Vec<f64>,
    ) -> Self {
        let square = (output - target).square(); // [B, C, H, W]
        let errors = square.clone().inner().flatten::<2>(1, 3).mean_dim(1).flatten(0, 1); // [B]
        let weights = column(weights, &square); // [B, 1, 1, 1]
        Self { weighted: (square * weights).mean(), errors, u }
    }
}

/// The time of each image of the batch: its uniform number in `[0, 1)`, scaled to `0..T`.
fn training_times(schedule: &DiscreteSchedule, batch: &TrainingBatch) -> Vec<TimePoint> {
    let count = schedule.len();
    let time = |u: &f64| schedule.point(((u * count as f64) as usize).min(count - 1));
    batch.uniforms.iter().map(time).collect()
}

/// `u = (t + 1)/T` of each point.
fn fractions(schedule: &DiscreteSchedule, points: &[TimePoint]) -> Vec<f64> {
    points.iter().map(|point| (point.t + 1.0) / schedule.len() as f64).collect()
}
