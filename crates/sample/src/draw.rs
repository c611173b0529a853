//! Drawing any number of images from a network.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};
use halfstep_core::{PredictionType, TimePoint};
use halfstep_data::{Purpose, noise};
use halfstep_model::{UNet, UNetDenoiser};

use crate::error::SampleError;
use crate::images::Images;
use crate::sampler::{Sampler, Trajectory};

/// What to draw with. Image k starts from the noise of `(seed, k)`, whatever the batch size, the
/// count or the device.
pub struct Draw<'a> {
    /// The network, without autodiff.
    pub unet: &'a UNet,
    /// What its output means.
    pub prediction_type: PredictionType,
    /// How to walk.
    pub sampler: &'a dyn Sampler,
    /// Where to step.
    pub grid: &'a [TimePoint],
    /// Of the start noise and of stochastic samplers.
    pub seed: u64,
    /// Images at once: memory and speed, never results.
    pub batch_size: usize,
    /// C, H, W.
    pub shape: [usize; 3],
    /// Classes, used in turn: image k is of class `classes[k % len]`. Empty for an unconditional
    /// model.
    pub classes: &'a [u32],
    /// Where the network lives.
    pub device: &'a Device,
}

impl Draw<'_> {
    /// Draws images `which`, from their own noise.
    ///
    /// `progress` is told of every step of every batch as (steps done, steps in all).
    ///
    /// # Errors
    /// [`SampleError`], among them [`SampleError::NotFinite`]: no NaN reaches a picture.
    pub fn images(
        &self,
        which: Range<u64>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Images, SampleError> {
        let each = self.shape.iter().product();
        self.run(which, &|batch| noise(self.seed, Purpose::InitNoise, batch, each), progress)
    }

    /// Draws from given start noise; image k of it is image k.
    ///
    /// # Errors
    /// As [`Draw::images`].
    pub fn images_from(
        &self,
        start: &Images,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Images, SampleError> {
        let each: usize = self.shape.iter().product();
        let slice = |batch: Range<u64>| {
            start.values[batch.start as usize * each..batch.end as usize * each].to_vec()
        };
        self.run(0..start.len() as u64, &slice, progress)
    }

    fn run(
        &self,
        which: Range<u64>,
        start_noise: &dyn Fn(Range<u64>) -> Vec<f32>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Images, SampleError> {
        let batch_size = self.batch_size.max(1) as u64;
        let steps = self.grid.len().saturating_sub(1) as u64;
        let total = (which.end - which.start).div_ceil(batch_size) * steps;
        let mut done = 0;
        let mut images = Images::empty(self.shape);
        let mut first = which.start;
        while first < which.end {
            let batch = first..(first + batch_size).min(which.end);
            let drawn = self.batch(batch.clone(), start_noise(batch.clone()), &mut || {
                done += 1;
                progress(done, total);
            })?;
            images.append(drawn);
            first = batch.end;
        }
        Ok(images)
    }

    fn batch(
        &self,
        which: Range<u64>,
        start: Vec<f32>,
        on_step: &mut dyn FnMut(),
    ) -> Result<Images, SampleError> {
        let [c, h, w] = self.shape;
        let shape = [(which.end - which.start) as usize, c, h, w];
        let to_device =
            |values: Vec<f32>| Tensor::from_data(TensorData::new(values, shape), self.device);
        let labels = (!self.classes.is_empty()).then(|| {
            which.clone().map(|k| self.classes[(k % self.classes.len() as u64) as usize]).collect()
        });
        let denoiser = UNetDenoiser::new(self.unet, self.prediction_type, labels)?;
        let z = self.sampler.sample(Trajectory {
            denoiser: &denoiser,
            start: to_device(start),
            grid: self.grid,
            noise: &mut |step| {
                let purpose = Purpose::SampleNoise { step: step as u32 };
                to_device(noise(self.seed, purpose, which.clone(), c * h * w))
            },
            on_step: &mut |_| on_step(),
        })?;
        let images = Images::read(z)?;
        if images.values.iter().all(|value| value.is_finite()) {
            return Ok(images);
        }
        let steps = self.grid.len().saturating_sub(1);
        Err(SampleError::NotFinite {
            sampler: self.sampler.name(),
            step: steps,
            num_steps: steps,
            advice: "the model may have diverged in training; look at the loss in metrics.jsonl",
        })
    }
}
