//! Trains a configuration's network for a few steps, from weights and a batch that are equal on every device.

use burn::tensor::{Device, Tensor, TensorData};
use halfstep_core::rng::{Purpose, noise};
use halfstep_core::{EmaSchedule, TimePoint};
use halfstep_model::{
    ClassInput, Precision, SelectedDevice, UNet, UNetConfig, flat_grads, flat_params, param_names,
    with_flat_params,
};

use crate::batches::TrainingBatch;
use crate::config::resolved::ResolvedConfig;
use crate::error::TrainError;
use crate::learner::Learner;
use crate::learner::step_stats::StepStats;
use crate::objective::{FromImages, Loss};
use crate::stage::initial_network::{initial_network, weight_uniforms};

/// Images of the batch. There are several, so that a kernel that mixes up the images of a batch is detected.
pub(crate) const BATCH: usize = 4;
/// The largest number added to a weight.
const NUDGE: f32 = 0.02;

/// The largest learning rate. At a higher rate without a warm-up, rounding errors of a large network grow from
/// step to step: AdamW's first updates have the size of the rate however small the gradient, and thousands of
/// updates add up in every activation.
const LARGEST_RATE: f64 = 2e-5;

/// A network and how it is trained.
pub(crate) struct ShortTraining<'a> {
    pub config: &'a ResolvedConfig,
    pub unet: &'a UNetConfig,
    pub precision: Precision,
    pub steps: u64,
}

/// The results, on the host.
pub(crate) struct TrainingTrace {
    /// The network's output for the batch.
    pub output: Vec<f32>,
    /// The gradient of the loss for each parameter, with the parameter's name.
    pub gradients: Vec<(String, Vec<f32>)>,
    /// The loss of each step.
    pub losses: Vec<f32>,
}

impl ShortTraining<'_> {
    /// Trains on a device.
    ///
    /// # Errors
    /// [`TrainError::Device`] if the device fails.
    pub fn on(&self, device: &SelectedDevice) -> Result<TrainingTrace, TrainError> {
        let tracked = device.device.clone().autodiff();
        let unet = drawn_network(self.unet, self.config.seed, &tracked)?;
        let optimizer = &self.config.teacher.optimizer;
        let ema = Some(EmaSchedule::new(0.999));
        let mut learner = Learner::new(unet, optimizer, ema, self.precision, device)?;
        let batch = self.batch(&tracked);
        let output = self.output(&learner.network, &batch)?;
        let gradients = self.gradients(&learner, &batch)?;
        // Every step has the same batch, so that losses differ only because of the steps.
        let rate = self.config.teacher.learning_rate.min(LARGEST_RATE);
        let mut losses = Vec::new();
        for _ in 0..self.steps {
            let stats = learner
                .learn(rate, optimizer.grad_clip, 1, |network| Ok(self.loss(network, &batch)))?;
            losses.push(stats);
        }
        // Losses are read at the end: as in a run, no step waits for the previous one.
        let losses = StepStats::read_all(losses)?.iter().map(|step| step.loss as f32).collect();
        Ok(TrainingTrace { output, gradients, losses })
    }

    fn batch(&self, device: &Device) -> TrainingBatch {
        let [height, width] = self.unet.image_sides();
        let shape = [BATCH, self.unet.in_channels, height, width];
        let images = 0..BATCH as u64;
        let tensor = |values: Vec<f32>| Tensor::from_data(TensorData::new(values, shape), device);
        let each = shape[1..].iter().product();
        let pixels = noise(self.config.seed, Purpose::Evaluation, images.clone(), each);
        let strata = 0..BATCH;
        TrainingBatch {
            x0: tensor(pixels.into_iter().map(|value| value.clamp(-1.0, 1.0)).collect()),
            eps: tensor(noise(self.config.seed, Purpose::TrainNoise, images, each)),
            uniforms: strata.map(|k| (k as f64 + 0.5) / BATCH as f64).collect(),
            labels: match self.unet.class_input() {
                ClassInput::None => None,
                ClassInput::Table(classes) => {
                    Some((0..BATCH).map(|k| (k % classes) as u32).collect())
                }
                ClassInput::Number => Some((0..BATCH as u32).collect()),
            },
            number: 0,
        }
    }

    fn loss(&self, unet: &UNet, batch: &TrainingBatch) -> Loss {
        let objective = FromImages {
            schedule: &self.config.schedule,
            prediction_type: self.config.teacher.prediction_type,
            weighting: self.config.teacher_weighting(),
            dropout: None,
        };
        objective.loss(unet, batch)
    }

    fn output(&self, unet: &UNet, batch: &TrainingBatch) -> Result<Vec<f32>, TrainError> {
        let points = batch.uniforms.iter().map(|u| {
            let t = (u * self.config.schedule.len() as f64) as usize;
            self.config.schedule.point(t)
        });
        let times: Vec<f64> = points.map(|point: TimePoint| point.t).collect();
        let unet = unet.computing_in(self.precision);
        let output = unet.forward(batch.eps.clone(), &times, batch.labels.as_deref(), None);
        on_host(output.inner().flatten::<1>(0, 3))
    }

    fn gradients(
        &self,
        learner: &Learner<UNet>,
        batch: &TrainingBatch,
    ) -> Result<Vec<(String, Vec<f32>)>, TrainError> {
        let loss = self.loss(&learner.network.computing_in(self.precision), batch).weighted;
        let grads = match &learner.loss_scale {
            Some(scale) => {
                let mut gradients = scale.scaled(loss).backward();
                let grads = flat_grads(&learner.network, &mut gradients).into_iter();
                grads.map(|grad| scale.unscaled(grad)).collect()
            }
            None => flat_grads(&learner.network, &mut loss.backward()),
        };
        let named = param_names(&learner.network).into_iter().zip(grads);
        named.map(|(name, grad)| Ok((name, on_host(grad)?))).collect()
    }
}

/// A network with random weights, none of them zero, for tests and benchmarks. A network that is initialised
/// for training has layers with zero weights, behind which gradients vanish.
///
/// # Errors
/// [`TrainError::Model`] for a configuration that is not valid.
pub fn drawn_network(unet: &UNetConfig, seed: u64, device: &Device) -> Result<UNet, TrainError> {
    let unet = initial_network(unet, seed, device)?;
    let values = flat_params(&unet);
    let nudged = values.iter().zip(values.len() as u64..).map(|(value, stream)| {
        let nudges = weight_uniforms(seed, stream, value.dims()[0]);
        let nudges: Vec<f32> = nudges.iter().map(|u| NUDGE * (2.0 * u - 1.0)).collect();
        value.clone() + Tensor::from_floats(nudges.as_slice(), &value.device())
    });
    let nudged = nudged.collect();
    Ok(with_flat_params(unet, nudged))
}

fn on_host(tensor: Tensor<1>) -> Result<Vec<f32>, TrainError> {
    let data = tensor.try_into_data().map_err(TrainError::device)?;
    Ok(data.iter::<f32>().collect())
}
