//! Progressive distillation: a student takes in one step what its teacher takes in two.

use burn::tensor::Tensor;
use halfstep_core::{
    Denoiser, DiscreteSchedule, LossWeighting, NoiseLevel, Prediction, PredictionType, TimePoint,
    add_noise, angular_step, distillation_target,
};
use halfstep_model::{Network, NetworkDenoiser};

use super::{Loss, fractions};
use crate::batches::TrainingBatch;
use crate::error::TrainError;

/// A student of N sampling steps is trained to match a teacher of 2N steps, both on the schedule's trailing
/// grid (Salimans & Ho 2022, algorithm 2).
#[derive(Clone, Copy, Debug)]
pub struct Halving<'a, N: Network> {
    teacher: &'a N,
    num_steps: usize,
    schedule: &'a DiscreteSchedule,
    prediction_type: PredictionType,
    weighting: LossWeighting,
}

impl<'a, N: Network> Halving<'a, N> {
    /// A student of `num_steps` sampling steps N. `teacher` is frozen, on a device without autodiff, and
    /// predicts `prediction_type` as the student will. `weighting` weights the noise levels of `schedule`.
    ///
    /// # Errors
    /// [`TrainError::Halving`] unless 2N is at least 2 and divides the number of times T.
    pub fn new(
        teacher: &'a N,
        num_steps: usize,
        schedule: &'a DiscreteSchedule,
        prediction_type: PredictionType,
        weighting: LossWeighting,
    ) -> Result<Self, TrainError> {
        let times = schedule.len();
        match num_steps > 0 && times.is_multiple_of(2 * num_steps) {
            true => Ok(Self { teacher, num_steps, schedule, prediction_type, weighting }),
            false => Err(TrainError::Halving { num_steps, times }),
        }
    }

    /// The times of student step i, in `1..=N`: start `u = i/N`, middle `u' = u - 1/(2N)`, end `u'' = u - 1/N`.
    /// The end of step 1, u'' = 0, is the clean image.
    fn times(&self, i: usize) -> [TimePoint; 3] {
        let half = self.schedule.len() / (2 * self.num_steps);
        [2 * i, 2 * i - 1, 2 * i - 2].map(|halves| match halves * half {
            0 => TimePoint::CLEAN,
            steps => self.schedule.point(steps - 1),
        })
    }

    /// The loss of `student`, on an autodiff device, for a batch on the same device: the student's one step
    /// should end where two steps of the teacher end.
    ///
    /// # Errors
    /// [`TrainError::Model`] if the labels do not fit the teacher.
    pub fn loss(&self, student: &N, batch: &TrainingBatch) -> Result<Loss, TrainError> {
        let n = self.num_steps;
        let step = |u: &f64| self.times(((u * n as f64) as usize).min(n - 1) + 1);
        let times: Vec<[TimePoint; 3]> = batch.uniforms.iter().map(step).collect();
        let at = |which: usize| times.iter().map(|three| three[which]).collect::<Vec<_>>();
        let (start, middle, end) = (at(0), at(1), at(2));
        let from = levels(&start);

        let z = add_noise(batch.x0.clone(), batch.eps.clone(), &from);
        let target = self.target(z.clone().inner(), [&start, &middle, &end], batch)?;
        let student_times: Vec<f64> = start.iter().map(|point| point.t).collect();
        let output = student.predict(z, &student_times, batch.labels.as_deref());
        let kind = self.prediction_type;
        let weights = from.iter().map(|&level| self.weighting.output_weight(kind, level));
        let target = Tensor::from_inner(target);
        Ok(Loss::weighted_mse(output, target, weights, fractions(self.schedule, &start)))
    }

    /// What the student must predict at `start` so that its one step ends where two steps of the teacher end,
    /// `[B, C, H, W]`.
    fn target(
        &self,
        z: Tensor<4>,
        [start, middle, end]: [&[TimePoint]; 3],
        batch: &TrainingBatch,
    ) -> Result<Tensor<4>, TrainError> {
        let (from, half_way, to) = (levels(start), levels(middle), levels(end));
        let teacher =
            NetworkDenoiser::new(self.teacher, self.prediction_type, batch.labels.clone())?;
        let v = teacher.predict(z.clone(), start).v();
        let z_middle = angular_step(v, z.clone(), &from, &half_way);
        let v = teacher.predict(z_middle.clone(), middle).v();
        let z_end = angular_step(v, z_middle, &half_way, &to);
        let v_target = distillation_target(z.clone(), z_end, &from, &to);
        let target = Prediction::new(PredictionType::VPrediction, v_target, z, &from);
        Ok(target.output_as(self.prediction_type))
    }
}

fn levels(points: &[TimePoint]) -> Vec<NoiseLevel> {
    points.iter().map(|point| point.level).collect()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use halfstep_core::{ScheduleConfig, ScheduleName};
    use halfstep_model::UNet;

    use super::*;
    use crate::objective::testing::zero_network;

    fn schedule() -> DiscreteSchedule {
        let config =
            ScheduleConfig { zero_terminal_snr: true, ..ScheduleConfig::new(ScheduleName::Cosine) };
        config.build().unwrap()
    }

    fn halving<'a>(teacher: &'a UNet, schedule: &'a DiscreteSchedule) -> Halving<'a, UNet> {
        let (kind, weighting) = (PredictionType::VPrediction, LossWeighting::SnrPlusOne);
        Halving::new(teacher, 4, schedule, kind, weighting).unwrap()
    }

    #[test]
    fn steps_that_do_not_fit_the_times_are_refused() {
        let (schedule, teacher) = (schedule(), zero_network(8));
        let (kind, weighting) = (PredictionType::VPrediction, LossWeighting::SnrPlusOne);
        for (num_steps, fits) in [(0, false), (1, true), (3, false), (512, true), (1024, false)] {
            let halving = Halving::new(&teacher, num_steps, &schedule, kind, weighting);
            assert_eq!(halving.is_ok(), fits, "{num_steps}");
        }
    }

    #[test]
    fn a_halving_steps_from_pure_noise_to_the_clean_image_over_its_teachers_times() {
        let (schedule, teacher) = (schedule(), zero_network(8));
        let halving = halving(&teacher, &schedule);
        let times = |i: usize| halving.times(i).map(|point| point.t);
        assert_eq!(times(4), [1023.0, 895.0, 767.0]);
        assert_eq!(times(2), [511.0, 383.0, 255.0]);
        assert_eq!(times(1), [255.0, 127.0, -1.0]);
        assert_eq!(halving.times(4)[0].level.alpha(), 0.0);
        assert_eq!(halving.times(1)[2].level.sigma(), 0.0);
    }

    /// A teacher that always predicts v = 0 turns z twice by a half step d: z'' = cos(d)^2 z. The student's
    /// target is then (cos(2d) - cos(d)^2)/sin(2d) z = -tan(d)/2 z, which is the error of a student that
    /// predicts 0.
    #[test]
    fn the_loss_is_the_closed_form_for_a_teacher_that_predicts_zero() {
        let (schedule, teacher) = (schedule(), zero_network(8));
        let device = Device::flex();
        // z = alpha x0 + sigma eps with x0 = eps = 1, one image in each step of the student.
        let ones = Tensor::<4>::ones([4, 1, 8, 8], &device);
        let batch = TrainingBatch {
            x0: ones.clone(),
            eps: ones,
            uniforms: vec![0.1, 0.3, 0.6, 0.9],
            labels: None,
            number: 0,
        };
        let student = zero_network(8);
        let loss = halving(&teacher, &schedule).loss(&student, &batch).unwrap();
        let half_step = std::f64::consts::FRAC_PI_2 / 8.0;
        let expected: f64 = (1..=4)
            .map(|i| {
                let phi = std::f64::consts::FRAC_PI_2 * f64::from(i) / 4.0;
                (half_step.tan() / 2.0 * (phi.cos() + phi.sin())).powi(2) / 4.0
            })
            .sum();
        assert_eq!(loss.u, [0.25, 0.5, 0.75, 1.0]);
        let found = f64::from(loss.errors.mean().into_scalar::<f32>());
        // f32 rounding through two steps and a division by sin(2d) = 0.38.
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
}
