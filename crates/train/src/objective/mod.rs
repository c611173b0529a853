//! What a network is asked for: the teacher's loss and a distillation round's.

pub(crate) mod adapt;

use burn::tensor::Tensor;
use halfstep_core::{
    Denoiser, DiscreteSchedule, LossWeighting, Prediction, PredictionType, TimePoint, add_noise,
    angular_step, column, distillation_target, training_target,
};
use halfstep_model::{DropoutMasks, UNet, UNetDenoiser};

use crate::batches::TrainingBatch;
use crate::error::TrainError;

/// A loss to descend and the plain error beside it.
pub struct Loss {
    /// Mean of weight times squared error, `[1]`, tracked.
    pub weighted: Tensor<1>,
    /// Mean squared error of each image in the network's own output, `[B]`, detached.
    pub errors: Tensor<1>,
    /// Where the images stand between clean and noise, `u = (t + 1)/T` in `(0, 1]`.
    pub u: Vec<f64>,
}

/// The teacher's loss: the network's output against eps, x0 or v at times drawn from all of T.
pub fn teacher_loss(
    unet: &UNet,
    schedule: &DiscreteSchedule,
    kind: PredictionType,
    weighting: LossWeighting,
    batch: &TrainingBatch,
    masks: Option<DropoutMasks<'_>>,
) -> Loss {
    let points = training_times(schedule, batch);
    let levels: Vec<_> = points.iter().map(|point| point.level).collect();
    let times: Vec<f64> = points.iter().map(|point| point.t).collect();
    let z = add_noise(batch.x0.clone(), batch.eps.clone(), &levels);
    let target = training_target(kind, batch.x0.clone(), batch.eps.clone(), &levels);
    let output = unet.forward(z, &times, batch.labels.as_deref(), masks);
    let weights = levels.iter().map(|&level| weighting.output_weight(kind, level));
    weighted_mse(output, target, weights, fractions(schedule, &points))
}

/// A time of the schedule for each image of the batch.
pub(crate) fn training_times(schedule: &DiscreteSchedule, batch: &TrainingBatch) -> Vec<TimePoint> {
    let count = schedule.len();
    let of = |u: &f64| schedule.point(((u * count as f64) as usize).min(count - 1));
    batch.uniforms.iter().map(of).collect()
}

/// `u = (t + 1)/T` of each point.
pub(crate) fn fractions(schedule: &DiscreteSchedule, points: &[TimePoint]) -> Vec<f64> {
    points.iter().map(|point| (point.t + 1.0) / schedule.len() as f64).collect()
}

/// A halving: a student of `num_steps`, a teacher of twice as many, both on the schedule's trailing
/// grid.
pub struct DistillationRound<'a> {
    /// The frozen teacher, without autodiff.
    pub teacher: &'a UNet,
    /// Steps N of the student.
    pub num_steps: usize,
    /// The times.
    pub schedule: &'a DiscreteSchedule,
    /// What teacher and student predict.
    pub kind: PredictionType,
    /// How noise levels count.
    pub weighting: LossWeighting,
}

impl DistillationRound<'_> {
    /// The times of student step i of N, `u = i/N`, `u' = u - 1/(2N)`, `u'' = u - 1/N`
    /// (Salimans & Ho 2022, algorithm 2). u'' = 0 is the clean image.
    pub fn times(&self, i: usize) -> [TimePoint; 3] {
        let half = self.schedule.len() / (2 * self.num_steps);
        [2 * i, 2 * i - 1, 2 * i - 2].map(|halves| match halves * half {
            0 => TimePoint::CLEAN,
            steps => self.schedule.point(steps - 1),
        })
    }
}

/// One part of a distillation step: two teacher steps, and the student's one step towards where
/// they end.
///
/// # Errors
/// [`TrainError::Model`] if the labels do not fit the teacher.
pub fn distillation_loss(
    student: &UNet,
    round: &DistillationRound<'_>,
    batch: &TrainingBatch,
) -> Result<Loss, TrainError> {
    let n = round.num_steps;
    let times: Vec<[TimePoint; 3]> = batch
        .uniforms
        .iter()
        .map(|u| round.times(((u * n as f64) as usize).min(n - 1) + 1))
        .collect();
    let at = |which: usize| times.iter().map(|three| three[which]).collect::<Vec<_>>();
    let levels = |points: &[TimePoint]| points.iter().map(|point| point.level).collect::<Vec<_>>();
    let (start, middle, end) = (at(0), at(1), at(2));
    let (from, half_way, to) = (levels(&start), levels(&middle), levels(&end));

    let z = add_noise(batch.x0.clone(), batch.eps.clone(), &from);
    let target = {
        let z = z.clone().inner();
        let teacher = UNetDenoiser::new(round.teacher, round.kind, batch.labels.clone())?;
        let v = teacher.predict(z.clone(), &start).v();
        let z_middle = angular_step(v, z.clone(), &from, &half_way);
        let v = teacher.predict(z_middle.clone(), &middle).v();
        let z_end = angular_step(v, z_middle, &half_way, &to);
        let v_target = distillation_target(z.clone(), z_end, &from, &to);
        let target = Prediction::new(PredictionType::VPrediction, v_target, z, &from);
        target.output_as(round.kind)
    };
    let student_times: Vec<f64> = start.iter().map(|point| point.t).collect();
    let output = student.forward(z, &student_times, batch.labels.as_deref(), None);
    let target = Tensor::from_inner(target);
    let weights = from.iter().map(|&level| round.weighting.output_weight(round.kind, level));
    Ok(weighted_mse(output, target, weights, fractions(round.schedule, &start)))
}

pub(crate) fn weighted_mse(
    output: Tensor<4>,
    target: Tensor<4>,
    weights: impl Iterator<Item = f64>,
    u: Vec<f64>,
) -> Loss {
    let square = (output - target).square(); // [B, C, H, W]
    let errors = square.clone().inner().flatten::<2>(1, 3).mean_dim(1).flatten(0, 1); // [B]
    let weights = column(weights, &square); // [B, 1, 1, 1]
    Loss { weighted: (square * weights).mean(), errors, u }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use halfstep_core::{ScheduleConfig, ScheduleName};
    use halfstep_model::{BlockType, ImageSize, UNetConfig};

    use super::*;

    fn schedule() -> DiscreteSchedule {
        let config =
            ScheduleConfig { zero_terminal_snr: true, ..ScheduleConfig::new(ScheduleName::Cosine) };
        config.build().unwrap()
    }

    fn zero_network() -> UNet {
        let config = UNetConfig {
            sample_size: Some(ImageSize::Square(8)),
            in_channels: 1,
            out_channels: 1,
            block_out_channels: vec![8],
            down_block_types: vec![BlockType::DownBlock2D],
            up_block_types: vec![BlockType::UpBlock2D],
            layers_per_block: 1,
            norm_num_groups: 4,
            ..UNetConfig::default()
        };
        UNet::zeroed(&config, &Device::flex()).unwrap()
    }

    fn round<'a>(teacher: &'a UNet, schedule: &'a DiscreteSchedule) -> DistillationRound<'a> {
        DistillationRound {
            teacher,
            num_steps: 4,
            schedule,
            kind: PredictionType::VPrediction,
            weighting: LossWeighting::SnrPlusOne,
        }
    }

    #[test]
    fn a_round_steps_from_pure_noise_to_the_clean_image_over_its_teachers_times() {
        let (schedule, teacher) = (schedule(), zero_network());
        let round = round(&teacher, &schedule);
        let times = |i: usize| round.times(i).map(|point| point.t);
        assert_eq!(times(4), [1023.0, 895.0, 767.0]);
        assert_eq!(times(2), [511.0, 383.0, 255.0]);
        assert_eq!(times(1), [255.0, 127.0, -1.0]);
        assert_eq!(round.times(4)[0].level.alpha(), 0.0);
        assert_eq!(round.times(1)[2].level.sigma(), 0.0);
    }

    /// A teacher that always says v = 0 turns z by a half step twice: z'' = cos(d)^2 z. The student's
    /// target is then (cos(2d) - cos(d)^2)/sin(2d) z = -tan(d)/2 z, and a student that says 0 errs by it.
    #[test]
    fn the_loss_is_the_closed_form_for_a_teacher_that_says_nothing() {
        let (schedule, teacher) = (schedule(), zero_network());
        let device = Device::flex();
        // z = alpha x0 + sigma eps with x0 = eps = 1 at the middle of every stratum's step.
        let ones = Tensor::<4>::ones([4, 1, 8, 8], &device);
        let batch = TrainingBatch {
            x0: ones.clone(),
            eps: ones,
            uniforms: vec![0.1, 0.3, 0.6, 0.9],
            labels: None,
        };
        let student = zero_network();
        let loss = distillation_loss(&student, &round(&teacher, &schedule), &batch).unwrap();
        let half_step = std::f64::consts::FRAC_PI_2 / 8.0;
        let expected: f64 = (1..=4)
            .map(|i| {
                let phi = std::f64::consts::FRAC_PI_2 * f64::from(i) / 4.0;
                (half_step.tan() / 2.0 * (phi.cos() + phi.sin())).powi(2) / 4.0
            })
            .sum();
        assert_eq!(loss.u, [0.25, 0.5, 0.75, 1.0]);
        let found = f64::from(loss.errors.mean().into_scalar::<f32>());
        // f32 through two steps and a division by sin(2d) = 0.38.
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
}
