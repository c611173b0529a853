//! Adaptation: a pretrained network is trained for this run's prediction type, times and noise levels.

use std::f64::consts::FRAC_PI_4;

use burn::tensor::{Bool, Tensor, TensorData};
use halfstep_core::{
    Denoiser, DiscreteSchedule, LossWeighting, NoiseLevel, PredictionType, TimePoint, add_noise,
    training_target,
};
use halfstep_model::{Network, NetworkDenoiser};

use super::{Loss, fractions, training_times};
use crate::batches::TrainingBatch;
use crate::error::TrainError;

/// The pretrained network is the target where converting its prediction magnifies its error by at most this
/// factor.
const LARGEST_GAIN: f64 = 10.0;

/// The target is a pretrained network's prediction at the same z and noise level, converted to this run's
/// prediction type.
///
/// Where that prediction cannot be [trusted](Self::trusts), the target comes from the images, as in
/// [`FromImages`](super::FromImages). This is so above all at pure noise, where eps does not determine the
/// image.
#[derive(Clone, Copy, Debug)]
pub struct Adaptation<'a, N: Network> {
    /// The pretrained network, frozen, on a device without autodiff.
    pub pretrained: &'a N,
    /// What the pretrained network predicts.
    pub pretrained_type: PredictionType,
    /// The noise levels of the pretrained network.
    pub pretrained_schedule: &'a DiscreteSchedule,
    /// The run's noise levels.
    pub schedule: &'a DiscreteSchedule,
    /// What the adapted network predicts.
    pub prediction_type: PredictionType,
    /// The loss weighting of noise levels.
    pub weighting: LossWeighting,
}

impl<N: Network> Adaptation<'_, N> {
    /// The loss of `network`, on an autodiff device, for a batch on the same device.
    ///
    /// # Errors
    /// [`TrainError::Model`] if the labels do not fit the pretrained network.
    pub fn loss(&self, network: &N, batch: &TrainingBatch) -> Result<Loss, TrainError> {
        let Self { schedule, prediction_type: kind, weighting, .. } = *self;
        let points = training_times(schedule, batch);
        let levels: Vec<_> = points.iter().map(|point| point.level).collect();
        let times: Vec<f64> = points.iter().map(|point| point.t).collect();
        let z = add_noise(batch.x0.clone(), batch.eps.clone(), &levels);
        let of_images = training_target(kind, batch.x0.clone(), batch.eps.clone(), &levels).inner();
        let target = self.target(z.clone().inner(), of_images, &levels, batch)?;
        let output = network.predict(z, &times, batch.labels.as_deref());
        let weights = levels.iter().map(|&level| weighting.output_weight(kind, level));
        let target = Tensor::from_inner(target);
        Ok(Loss::weighted_mse(output, target, weights, fractions(schedule, &points)))
    }

    /// The target `[B, C, H, W]`: the pretrained network's prediction where it is trusted, the images'
    /// elsewhere.
    fn target(
        &self,
        z: Tensor<4>,
        of_images: Tensor<4>,
        levels: &[NoiseLevel],
        batch: &TrainingBatch,
    ) -> Result<Tensor<4>, TrainError> {
        let trusted: Vec<bool> = levels.iter().map(|&level| self.trusts(level)).collect();
        // A prediction that is not used is made at a level where no conversion divides by 0.
        let harmless = NoiseLevel::from_phi(FRAC_PI_4);
        let called_at: Vec<TimePoint> = levels
            .iter()
            .zip(&trusted)
            .map(|(&level, &trusted)| {
                self.pretrained_schedule.point_at(if trusted { level } else { harmless })
            })
            .collect();
        let pretrained =
            NetworkDenoiser::new(self.pretrained, self.pretrained_type, batch.labels.clone())?;
        let prediction = pretrained.predict(z, &called_at).output_as(self.prediction_type);
        Ok(choose(prediction, of_images, &trusted))
    }

    /// Whether the pretrained network's prediction is trusted at a noise level: the level lies within the
    /// pretrained schedule, and the conversion magnifies an error by at most 10.
    pub fn trusts(&self, level: NoiseLevel) -> bool {
        let schedule = self.pretrained_schedule;
        let noisiest = schedule.at(schedule.len() - 1);
        let gain = gain(self.pretrained_type, self.prediction_type, level);
        gain <= LARGEST_GAIN && level.log_snr() >= noisiest.log_snr()
    }
}

/// The factor by which converting a prediction from one type to another magnifies its error at the same z. It
/// follows from
/// v = (eps - sigma z)/alpha = (alpha z - x0)/sigma, x0 = (z - sigma eps)/alpha = alpha z - sigma v,
/// eps = (z - alpha x0)/sigma = sigma z + alpha v.
fn gain(from: PredictionType, to: PredictionType, level: NoiseLevel) -> f64 {
    use PredictionType::{Epsilon, Sample, VPrediction};
    let (alpha, sigma) = (level.alpha(), level.sigma());
    match (from, to) {
        (Epsilon, Epsilon) | (Sample, Sample) | (VPrediction, VPrediction) => 1.0,
        (Epsilon, VPrediction) => 1.0 / alpha,
        (Sample, VPrediction) => 1.0 / sigma,
        (Epsilon, Sample) => sigma / alpha,
        (VPrediction, Sample) => sigma,
        (Sample, Epsilon) => alpha / sigma,
        (VPrediction, Epsilon) => alpha,
    }
}

/// Image k is that of `yes` where `which[k]` is true, else that of `no`; all are `[B, C, H, W]`.
fn choose(yes: Tensor<4>, no: Tensor<4>, which: &[bool]) -> Tensor<4> {
    let shape = [which.len(), 1, 1, 1];
    let mask = TensorData::new(which.to_vec(), shape);
    let mask = Tensor::<4, Bool>::from_data(mask, &yes.device());
    let mask = mask.expand(yes.dims());
    no.mask_where(mask, yes)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use halfstep_core::{Prediction, ScheduleConfig, ScheduleName};

    use super::*;
    use crate::objective::testing::zero_network;

    fn linear() -> DiscreteSchedule {
        let linear =
            ScheduleConfig { train_timesteps: 1000, ..ScheduleConfig::new(ScheduleName::Linear) };
        linear.build().unwrap()
    }

    /// Both networks always predict 0; images and noise are all ones, so z = alpha + sigma. Where the
    /// pretrained network is trusted, its 0 means v = -sigma z/alpha if it predicts eps, and v = alpha z/sigma
    /// if it predicts x0. Elsewhere the target is the images' v = alpha - sigma. The error is then the square
    /// of the target.
    #[test]
    fn the_pretrained_network_teaches_where_it_is_trusted_and_the_images_elsewhere() {
        let network = zero_network(4);
        let cosine =
            ScheduleConfig { zero_terminal_snr: true, ..ScheduleConfig::new(ScheduleName::Cosine) };
        let (schedule, linear) = (cosine.build().unwrap(), linear());
        let ones = Tensor::<4>::ones([5, 1, 4, 4], &Device::flex());
        // u = 1 is pure noise; sigma is 0.03 at u = 0.02; alpha is 0.047 at u = 0.97.
        let uniforms = vec![0.02, 0.3, 0.6, 0.97, 0.9999];
        let batch =
            TrainingBatch { x0: ones.clone(), eps: ones, uniforms, labels: None, number: 0 };
        for (kind, trusted) in [
            (PredictionType::Epsilon, [true, true, true, false, false]),
            (PredictionType::Sample, [false, true, true, true, false]),
        ] {
            let adaptation = Adaptation {
                pretrained: &network,
                pretrained_type: kind,
                pretrained_schedule: &linear,
                schedule: &schedule,
                prediction_type: PredictionType::VPrediction,
                weighting: LossWeighting::SnrPlusOne,
            };
            let loss = adaptation.loss(&network, &batch).unwrap();
            let errors: Vec<f64> = loss.errors.into_data().iter::<f64>().collect();
            let points = training_times(&schedule, &batch);
            assert_eq!(points[4].level.alpha(), 0.0);
            for ((point, trusted), error) in points.iter().zip(trusted).zip(errors) {
                let (alpha, sigma) = (point.level.alpha(), point.level.sigma());
                let z = alpha + sigma;
                let v = match (trusted, kind) {
                    (false, _) => alpha - sigma,
                    (true, PredictionType::Epsilon) => -sigma * z / alpha,
                    (true, _) => alpha * z / sigma,
                };
                let (expected, t) = (v * v, point.t);
                // f32 rounding, magnified by a division by at least 0.1.
                assert!(
                    (error - expected).abs() < 1e-5 * (1.0 + expected),
                    "{kind} at {t}: {error} {expected}"
                );
            }
        }
    }

    /// Converts a prediction before and after a change of 1.
    #[test]
    fn an_error_grows_by_the_gain() {
        let kinds = [PredictionType::Epsilon, PredictionType::Sample, PredictionType::VPrediction];
        let level = NoiseLevel::from_phi(0.9);
        let z = Tensor::<4>::full([1, 1, 1, 1], 0.3, &Device::flex());
        let converted = |from: PredictionType, to: PredictionType, value: f64| {
            let value = Tensor::full([1, 1, 1, 1], value, &Device::flex());
            let prediction = Prediction::new(from, value, z.clone(), &[level]);
            f64::from(prediction.output_as(to).into_scalar::<f32>())
        };
        for from in kinds {
            for to in kinds {
                let found = (converted(from, to, 1.0) - converted(from, to, 0.0)).abs();
                let expected = gain(from, to, level);
                // f32 rounding.
                assert!((found - expected).abs() < 1e-6, "{from} {to}: {found} {expected}");
            }
        }
    }
}
