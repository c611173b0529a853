//! Teaching a network that predicts something else, or at other noise levels, to predict v at ours.

use std::f64::consts::FRAC_PI_4;

use burn::tensor::{Bool, Tensor, TensorData};
use halfstep_core::{
    Denoiser, DiscreteSchedule, LossWeighting, NoiseLevel, PredictionType, TimePoint, add_noise,
    training_target,
};
use halfstep_model::{UNet, UNetDenoiser};

use crate::batches::TrainingBatch;
use crate::config::pretrained::Original;
use crate::error::TrainError;
use crate::objective::{Loss, fractions, training_times, weighted_mse};

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
        let known: Vec<bool> = levels.iter().map(|&level| original.knows(*kind, level)).collect();
        // Of an answer that is not used, any level will do that has no infinity in it.
        let harmless = NoiseLevel::from_phi(FRAC_PI_4);
        let asked: Vec<TimePoint> = levels
            .iter()
            .zip(&known)
            .map(|(&level, &known)| theirs.point_at(if known { level } else { harmless }))
            .collect();
        let network = UNetDenoiser::new(
            adaptation.network,
            original.outline.scheduler.prediction_type,
            batch.labels.clone(),
        )?;
        let answer = network.predict(z.clone().inner(), &asked).output_as(*kind);
        choose(answer, of_images, &known)
    };
    let output = unet.forward(z, &times, batch.labels.as_deref(), None);
    let weights = levels.iter().map(|&level| adaptation.weighting.output_weight(*kind, level));
    Ok(weighted_mse(output, Tensor::from_inner(target), weights, fractions(schedule, &points)))
}

/// Image k of `yes` where `which[k]`, of `no` elsewhere.
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
    use halfstep_core::{ScheduleConfig, ScheduleName};
    use halfstep_model::{
        BlockType, ImageSize, ModelFiles, ModelOutline, SchedulerConfig, UNetConfig,
    };

    use super::*;

    fn zero_network() -> UNet {
        let config = UNetConfig {
            sample_size: Some(ImageSize::Square(4)),
            in_channels: 1,
            out_channels: 1,
            block_out_channels: vec![4],
            down_block_types: vec![BlockType::DownBlock2D],
            up_block_types: vec![BlockType::UpBlock2D],
            layers_per_block: 1,
            norm_num_groups: 4,
            attention_head_dim: None,
            ..UNetConfig::default()
        };
        UNet::zeroed(&config, &Device::flex()).unwrap()
    }

    fn original(network: &UNet, kind: PredictionType) -> Original {
        let linear =
            ScheduleConfig { train_timesteps: 1000, ..ScheduleConfig::new(ScheduleName::Linear) };
        let schedule = linear.build().unwrap();
        Original {
            path: "somewhere".into(),
            outline: ModelOutline {
                config: network.config().clone(),
                scheduler: SchedulerConfig::from_schedule(&schedule, kind),
                schedule,
                halfstep: Default::default(),
                files: ModelFiles { weights: Vec::new(), scheduler: None },
                notes: Vec::new(),
            },
        }
    }

    /// Networks that always answer 0, and images and noise of ones, so z = alpha + sigma everywhere.
    /// Where the original is asked, 0 means v = -sigma z/alpha for eps, v = alpha z/sigma for x0;
    /// elsewhere the target is the images' v = alpha - sigma. The student's error is the target.
    #[test]
    fn the_target_is_the_originals_where_it_knows_and_the_images_elsewhere() {
        let network = zero_network();
        let cosine =
            ScheduleConfig { zero_terminal_snr: true, ..ScheduleConfig::new(ScheduleName::Cosine) };
        let schedule = cosine.build().unwrap();
        let ones = Tensor::<4>::ones([5, 1, 4, 4], &Device::flex());
        // u = 1 is pure noise; at u = 0.02, sigma is 0.03; at 0.97, alpha is 0.047.
        let uniforms = vec![0.02, 0.3, 0.6, 0.97, 0.9999];
        let batch = TrainingBatch { x0: ones.clone(), eps: ones, uniforms, labels: None };
        for (kind, asked) in [
            (PredictionType::Epsilon, [true, true, true, false, false]),
            (PredictionType::Sample, [false, true, true, true, false]),
        ] {
            let original = original(&network, kind);
            let adaptation = Adaptation {
                network: &network,
                original: &original,
                schedule: &schedule,
                kind: PredictionType::VPrediction,
                weighting: LossWeighting::SnrPlusOne,
            };
            let loss = adaptation_loss(&network, &adaptation, &batch).unwrap();
            let errors: Vec<f64> = loss.errors.into_data().iter::<f64>().collect();
            let points = training_times(&schedule, &batch);
            assert_eq!(points[4].level.alpha(), 0.0);
            for ((point, asked), error) in points.iter().zip(asked).zip(errors) {
                let (alpha, sigma) = (point.level.alpha(), point.level.sigma());
                let z = alpha + sigma;
                let v = match (asked, kind) {
                    (false, _) => alpha - sigma,
                    (true, PredictionType::Epsilon) => -sigma * z / alpha,
                    (true, _) => alpha * z / sigma,
                };
                let (expected, t) = (v * v, point.t);
                // A division by 0.1 at most, in f32.
                assert!(
                    (error - expected).abs() < 1e-5 * (1.0 + expected),
                    "{kind} at {t}: {error} {expected}"
                );
            }
        }
    }
}
