//! The tasks: forward, training, distillation, sampling.

use std::time::Instant;

use anyhow::{Context, bail};
use burn::tensor::{Tensor, TensorData};
use halfstep_core::rng::{Purpose, noise};
use halfstep_core::{EmaSchedule, LossWeighting, PredictionType};
use halfstep_model::{ModelFolder, Precision, SelectedDevice, UNet, flat_params, with_flat_params};
use halfstep_sample::{AngularDdim, Draw, Images, StepNoise, output, quietly, student_grid};
use halfstep_train::{FromImages, Halving, Learner, OptimizerConfig, StepStats, TrainingBatch};

use crate::chip::{Launches, launches};

pub const TASKS: [&str; 6] = ["forward", "train", "distill", "sample1", "sample64", "batches"];
/// Steps of the sampling tasks.
const SAMPLING_STEPS: usize = 4;

/// A model, a learner that starts from its weights, and one batch.
pub struct Bench<'a> {
    pub device: &'a SelectedDevice,
    pub model: ModelFolder,
    pub shape: [usize; 3],
    /// The model's network in the learner's precision.
    working: UNet,
    learner: Learner,
    batch: TrainingBatch,
}

impl<'a> Bench<'a> {
    /// A bench with random images in its batch.
    pub fn new(
        model: ModelFolder,
        precision: Precision,
        batch_size: usize,
        device: &'a SelectedDevice,
    ) -> anyhow::Result<Self> {
        precision.check(device)?;
        let config = model.unet.config();
        let [height, width] = config.sample_size.context("the model has no `sample_size`")?.sides();
        let shape = [config.in_channels, height, width];
        let tracked = device.device.clone().autodiff();
        let unet = with_flat_params(UNet::zeroed(config, &tracked)?, flat_params(&model.unet));
        let images = |purpose| {
            let values = noise(0, purpose, 0..batch_size as u64, shape.iter().product());
            let shape = [batch_size, shape[0], shape[1], shape[2]];
            Tensor::from_data(TensorData::new(values, shape), &tracked)
        };
        let strata = 0..batch_size;
        let batch = TrainingBatch {
            x0: images(Purpose::Evaluation),
            eps: images(Purpose::TrainNoise),
            uniforms: strata.map(|k| (k as f64 + 0.5) / batch_size as f64).collect(),
            labels: None,
            number: 0,
        };
        let ema = Some(EmaSchedule::new(0.9999));
        let learner = Learner::new(unet, &OptimizerConfig::default(), ema, precision, device)?;
        let working = model.unet.computing_in(precision);
        Ok(Self { device, model, shape, working, learner, batch })
    }

    /// The learner's precision.
    pub fn precision(&self) -> Precision {
        self.learner.precision
    }

    /// Images per training step.
    pub fn batch_size(&self) -> usize {
        self.batch.uniforms.len()
    }

    /// Runs a task to its result, and returns the seconds that it took.
    pub fn run(&mut self, task: &str) -> anyhow::Result<f64> {
        let started = Instant::now();
        match task {
            "forward" => self.forward()?,
            "train" => drop(self.train()?.read()?),
            "distill" => drop(self.distill()?.read()?),
            "sample1" => drop(self.sample(1)?),
            "sample64" => drop(self.sample(64)?),
            "batches" => crate::host::batches()?,
            other => bail!("`{other}` is not one of {TASKS:?}"),
        }
        Ok(started.elapsed().as_secs_f64())
    }

    fn forward(&self) -> anyhow::Result<()> {
        let output = self.working.forward(self.batch.x0.clone().inner(), &[500.0], None, None);
        Images::read(output)?;
        Ok(())
    }

    /// Starts a training step of a teacher on the bench's batch, without waiting for its end: loss of v,
    /// backward pass, clipping, AdamW, moving average.
    pub fn train(&mut self) -> anyhow::Result<StepStats> {
        let batch = self.batch.clone();
        self.train_on(&batch)
    }

    /// As [`train`](Self::train), on another batch.
    pub fn train_on(&mut self, batch: &TrainingBatch) -> anyhow::Result<StepStats> {
        let objective = FromImages {
            schedule: &self.model.schedule,
            prediction_type: PredictionType::VPrediction,
            weighting: LossWeighting::SnrPlusOne,
            dropout: None,
        };
        Ok(self.learner.learn(1e-4, 1.0, 1, |network| Ok(objective.loss(network, batch)))?)
    }

    /// Takes a training step. Returns the kernels it launched, the seconds in which the host issued them, and
    /// the seconds of the whole step. If the step read anything back from the device, the two times would be
    /// equal.
    pub fn counted_step(&mut self) -> anyhow::Result<(Launches, f64, f64)> {
        let started = Instant::now();
        let (issued, launched) = launches(|| {
            let stats = self.train()?;
            let issued = started.elapsed().as_secs_f64();
            stats.read()?;
            Ok(issued)
        })?;
        Ok((launched, issued, started.elapsed().as_secs_f64()))
    }

    /// Starts a training step of a student: two steps of the teacher, then the same as [`train`](Self::train).
    fn distill(&mut self) -> anyhow::Result<StepStats> {
        let batch = &self.batch;
        let halving = Halving {
            teacher: &self.working,
            num_steps: SAMPLING_STEPS,
            schedule: &self.model.schedule,
            prediction_type: PredictionType::VPrediction,
            weighting: LossWeighting::SnrPlusOne,
        };
        Ok(self.learner.learn(1e-4, 1.0, 1, |student| halving.loss(student, batch))?)
    }

    /// Draws `count` images in four steps, in f32.
    pub fn sample(&self, count: usize) -> anyhow::Result<Images> {
        let draw = Draw {
            network: &self.model.unet,
            prediction_type: PredictionType::VPrediction,
            sampler: &AngularDdim::default(),
            grid: &student_grid(&self.model.schedule, SAMPLING_STEPS)?,
            schedule: &self.model.schedule,
            seed: 0,
            step_noise: StepNoise::Fresh,
            batch_size: count.max(64),
            shape: self.shape,
            classes: &[],
            device: &self.device.device,
        };
        Ok(draw.images(0..count as u64, &mut quietly)?)
    }

    /// Writes the network's output at t = 500 for the tensor `noise` of the file `input`.
    pub fn outputs(&self, input: &std::path::Path, to: &std::path::Path) -> anyhow::Result<()> {
        let noise = output::read_noise(input, self.shape)?;
        let z = TensorData::new(noise.values, noise.shape);
        let z = Tensor::from_data(z, &self.device.device);
        let images = Images::read(self.working.forward(z, &[500.0], None, None))?;
        Ok(output::write_raw(to, &images)?)
    }
}
