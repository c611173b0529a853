//! Estimates the time of a run from a few steps on the device.

use std::time::Instant;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use halfstep_model::{Precision, UNet, UNetConfig, flat_grads};
use halfstep_run::Stage;

use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::plan::left::StageLeft;

/// Seconds per image: for a forward pass, and for a forward and backward pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Speed {
    pub forward: f64,
    pub training: f64,
}

/// Seconds for the remaining steps of each stage, and for measuring the stages that are not yet measured.
pub(crate) fn expected_seconds(config: &TrainConfig, left: &[StageLeft], speed: Speed) -> f64 {
    let (teacher, distill) = (&config.teacher, &config.distill);
    let training: f64 = left
        .iter()
        .map(|stage| match stage.stage {
            Stage::Teacher => {
                let pretrained = if teacher.from.is_some() { speed.forward } else { 0.0 };
                stage.left as f64 * teacher.batch_size as f64 * (speed.training + pretrained)
            }
            Stage::Round { .. } => {
                let images = stage.left as f64 * distill.batch_size as f64;
                images * (speed.training + 2.0 * speed.forward)
            }
        })
        .sum();
    // The teacher's full grid once; then, for each unmeasured round, teacher and student in its number of
    // steps.
    let unmeasured = left.iter().filter(|stage| !stage.measured);
    let rounds: usize = unmeasured.clone().filter_map(|stage| stage.stage.num_steps()).sum();
    let full_grid = if unmeasured.count() > 0 { distill.teacher_steps } else { 0 };
    let calls = full_grid + 2 * rounds;
    training + (calls * distill.agreement_images) as f64 * speed.forward
}

/// The batch size of a timed step: enough images to fill the cores, few enough to finish within seconds.
pub(crate) fn timed_batch(config: &UNetConfig) -> usize {
    let [height, width] = config.image_sides();
    (16_384 / (height * width)).max(4)
}

impl Speed {
    /// Times a few forward and training steps with `batch` images.
    pub fn measure(
        network: &UNet,
        precision: Precision,
        config: &UNetConfig,
        batch: usize,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let [height, width] = config.image_sides();
        let shape = [batch.max(1), config.in_channels, height, width];
        let tracked = device.clone().autodiff();
        let sync = || device.sync().map_err(TrainError::device);
        let mut speed = Self { forward: f64::INFINITY, training: f64::INFINITY };
        let plain = network.valid().computing_in(precision);
        // The first turn compiles kernels and fills caches; the best of the other turns counts.
        for turn in 0..3 {
            let start = Instant::now();
            let z = Tensor::ones(shape, device);
            plain.forward(z, &[500.0], None, None);
            sync()?;
            let forward = start.elapsed().as_secs_f64();
            let start = Instant::now();
            let z = Tensor::ones(shape, &tracked);
            let working = network.computing_in(precision);
            let mut gradients = working.forward(z, &[500.0], None, None).square().mean().backward();
            drop(flat_grads(network, &mut gradients));
            sync()?;
            if turn > 0 {
                speed.forward = speed.forward.min(forward / shape[0] as f64);
                speed.training =
                    speed.training.min(start.elapsed().as_secs_f64() / shape[0] as f64);
            }
        }
        Ok(speed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::job::digits;
    use crate::plan::left::left_from_the_start;

    #[test]
    fn only_what_is_left_takes_time() {
        let settings = [
            "distill.teacher_steps=4",
            "distill.student_steps=1",
            "distill.agreement_images=10",
            "teacher.train_steps=100",
            "distill.train_steps=50",
            "teacher.batch_size=2",
            "distill.batch_size=2",
        ];
        let config = digits(&settings).unwrap();
        let speed = Speed { forward: 1.0, training: 3.0 };
        let mut left = left_from_the_start(&config);
        // The rounds to 2 and to 1 steps train twice as long; measuring takes 4 + 2 (2 + 1) calls of 10 images.
        let (teacher, round, measuring) = (100.0 * 2.0 * 3.0, 100.0 * 2.0 * 5.0, 100.0);
        let seconds = |left: &[StageLeft]| expected_seconds(&config, left, speed);
        assert_eq!(seconds(&left), teacher + 2.0 * round + measuring);
        left[0] = StageLeft { left: 0, measured: true, ..left[0] };
        left[1].left = 25;
        assert_eq!(seconds(&left), 0.25 * round + round + measuring);
        left[1] = StageLeft { left: 0, measured: true, ..left[1] };
        assert_eq!(seconds(&left), round + 10.0 * (4.0 + 2.0));
        left[2] = StageLeft { left: 0, measured: true, ..left[2] };
        assert_eq!(seconds(&left), 0.0);
    }
}
