//! What a network is asked for: the teacher's loss and a distillation round's.

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
    /// Mean squared error in the network's own output, `[1]`, detached.
    pub mse: Tensor<1>,
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
    let t_max = schedule.len();
    let points: Vec<TimePoint> = batch
        .uniforms
        .iter()
        .map(|u| schedule.point(((u * t_max as f64) as usize).min(t_max - 1)))
        .collect();
    let levels: Vec<_> = points.iter().map(|point| point.level).collect();
    let times: Vec<f64> = points.iter().map(|point| point.t).collect();
    let z = add_noise(batch.x0.clone(), batch.eps.clone(), &levels);
    let target = training_target(kind, batch.x0.clone(), batch.eps.clone(), &levels);
    let output = unet.forward(z, &times, batch.labels.as_deref(), masks);
    let weights = levels.iter().map(|&level| weighting.output_weight(kind, level));
    weighted_mse(output, target, weights)
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
        match round.kind {
            PredictionType::Sample => target.x0(),
            _ => target.v(),
        }
    };
    let student_times: Vec<f64> = start.iter().map(|point| point.t).collect();
    let output = student.forward(z, &student_times, batch.labels.as_deref(), None);
    let target = Tensor::from_inner(target);
    let weights = from.iter().map(|&level| round.weighting.output_weight(round.kind, level));
    Ok(weighted_mse(output, target, weights))
}

fn weighted_mse(output: Tensor<4>, target: Tensor<4>, weights: impl Iterator<Item = f64>) -> Loss {
    let square = (output - target).square(); // [B, C, H, W]
    let mse = square.clone().inner().mean();
    let weights = column(weights, &square); // [B, 1, 1, 1]
    Loss { weighted: (square * weights).mean(), mse }
}
