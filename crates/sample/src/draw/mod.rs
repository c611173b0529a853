//! Drawing any number of images with a network.
//!
//! [`Draw`] is the loop over batches; [`SamplerBuilder`] takes most of it from the model:
//! `model.sampler(DpmMultistep::new(2)).steps(10).draw(16)`.

mod builder;
mod noise_path;

pub use builder::{SampleModel, SamplerBuilder};
pub use noise_path::NoisePath;

use std::cell::Cell;
use std::ops::{ControlFlow, Range};

use burn::tensor::{Device, Tensor, TensorData};
use halfstep_core::rng::{Purpose, noise};
use halfstep_core::{Denoiser, DiscreteSchedule, PredictionType, TimePoint};
use halfstep_model::{Network, NetworkDenoiser};

use crate::error::SampleError;
use crate::output::images::Images;
use crate::sampler::{Sampler, StepInfo, Trajectory};

/// The version of what this library computes. Kept drawings and measurements carry it and are made again when it
/// changes. Raise it with every change of what is drawn or measured: a sampler, a kernel, the resize, a formula or
/// the noises of likelihoods.
pub const RESULTS_VERSION: u32 = 2;

/// A network, a sampler on a grid, and a seed. Image k starts from the noise of `(seed, k)`, whatever the batch
/// size, the count or the device.
pub struct Draw<'a, N: Network> {
    /// The network, without autodiff.
    pub network: &'a N,
    /// What its output means.
    pub prediction_type: PredictionType,
    /// The method.
    pub sampler: &'a dyn Sampler,
    /// Where it steps.
    pub grid: &'a [TimePoint],
    /// The network's noise schedule.
    pub schedule: &'a DiscreteSchedule,
    /// The seed of the start noise and of stochastic samplers.
    pub seed: u64,
    /// Which noise stochastic samplers add.
    pub step_noise: StepNoise,
    /// Images at once: memory and speed, never results.
    pub batch_size: usize,
    /// C, H, W.
    pub shape: [usize; 3],
    /// Classes, used in turn: image k is of class `classes[k % len]`. Empty for an unconditional
    /// model.
    pub classes: &'a [u32],
    /// Where the network's parameters are.
    pub device: &'a Device,
}

/// The noise that a stochastic sampler adds to image k.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StepNoise {
    /// Of (seed, k, step).
    #[default]
    Fresh,
    /// The increments of one path of (seed, k), the same at any number of steps: see
    /// [`NoisePath`].
    Path,
}

/// Progress of a drawing: gets (network calls made, calls expected in all), and breaks to stop it.
pub type DrawProgress<'a> = dyn FnMut(u64, u64) -> ControlFlow<()> + 'a;

/// A [`DrawProgress`] that ignores what it gets.
pub fn quietly(_: u64, _: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// The start noise of images.
#[derive(Clone, Copy, Debug, Default)]
pub enum Start<'a> {
    /// The noise of (seed, k) for image k.
    #[default]
    Seed,
    /// Image k of these for image k; there are at least as many as the highest number that is drawn.
    Given(&'a Images),
}

impl<N: Network> Draw<'_, N> {
    /// Draws images `which`, from their own noise.
    ///
    /// # Errors
    /// As [`Draw::batches`].
    pub fn images(
        &self,
        which: Range<u64>,
        progress: &mut DrawProgress<'_>,
    ) -> Result<Images, SampleError> {
        let mut images = Images::empty(self.shape);
        self.batches(which, Start::Seed, progress, &mut |_, batch| {
            images.append(batch);
            Ok(())
        })?;
        Ok(images)
    }

    /// Draws images `which` in batches of [`Draw::batch_size`] and gives each batch to `keep` with the
    /// number of its first image: no more than a batch is in memory.
    ///
    /// # Errors
    /// [`SampleError`], among them [`SampleError::NotFinite`] (no NaN reaches a picture),
    /// [`SampleError::Stopped`] if `progress` breaks, and what `keep` returns.
    ///
    /// # Panics
    /// If [`Start::Given`] holds fewer images than `which` ends at.
    pub fn batches(
        &self,
        which: Range<u64>,
        start: Start<'_>,
        progress: &mut DrawProgress<'_>,
        keep: &mut dyn FnMut(u64, Images) -> Result<(), SampleError>,
    ) -> Result<(), SampleError> {
        self.batches_with_steps(which, start, progress, &mut |_| {}, keep)
    }

    /// [`Draw::batches`], with every step of every batch given to `on_step`.
    ///
    /// # Errors
    /// As [`Draw::batches`].
    ///
    /// # Panics
    /// As [`Draw::batches`].
    pub fn batches_with_steps(
        &self,
        which: Range<u64>,
        start: Start<'_>,
        progress: &mut DrawProgress<'_>,
        on_step: &mut dyn FnMut(&StepInfo<'_>),
        keep: &mut dyn FnMut(u64, Images) -> Result<(), SampleError>,
    ) -> Result<(), SampleError> {
        let batch_size = self.batch_size.max(1) as u64;
        let batches = (which.end - which.start).div_ceil(batch_size);
        let calls = Cell::new(0);
        for number in 0..batches {
            let first = which.start + number * batch_size;
            let batch = first..(first + batch_size).min(which.end);
            let before = calls.get();
            let noise = self.start_noise(start, batch.clone());
            let drawn = self.batch(batch, noise, &calls, &mut |step| {
                on_step(&step);
                let made = calls.get();
                let each = match self.sampler.calls(self.grid) {
                    Some(each) => each as u64,
                    None => ((made - before) as f64 / step.done.max(1e-3)).round() as u64,
                };
                match progress(made, (before + each * (batches - number)).max(made)) {
                    ControlFlow::Continue(()) => self.check(&step),
                    ControlFlow::Break(()) => Err(SampleError::Stopped),
                }
            })?;
            keep(first, drawn)?;
        }
        Ok(())
    }

    fn start_noise(&self, start: Start<'_>, which: Range<u64>) -> Vec<f32> {
        match start {
            Start::Seed => noise(self.seed, Purpose::InitNoise, which, self.shape.iter().product()),
            Start::Given(noises) => noises.part(which.start as usize..which.end as usize).values,
        }
    }

    fn batch(
        &self,
        which: Range<u64>,
        start: Vec<f32>,
        calls: &Cell<u64>,
        on_step: &mut dyn FnMut(StepInfo<'_>) -> Result<(), SampleError>,
    ) -> Result<Images, SampleError> {
        let [c, h, w] = self.shape;
        let shape = [(which.end - which.start) as usize, c, h, w];
        let to_device =
            |values: Vec<f32>| Tensor::from_data(TensorData::new(values, shape), self.device);
        let labels = (!self.classes.is_empty()).then(|| {
            which.clone().map(|k| self.classes[(k % self.classes.len() as u64) as usize]).collect()
        });
        let network = NetworkDenoiser::new(self.network, self.prediction_type, labels)?;
        let counted = |z: Tensor<4>, at: &[TimePoint]| {
            calls.set(calls.get() + 1);
            network.predict(z, at)
        };
        let each = c * h * w;
        let mut path = NoisePath::new(self.seed, which.clone(), each);
        let z = self.sampler.sample(Trajectory {
            denoiser: &counted,
            start: to_device(start),
            grid: self.grid,
            locate: &|level| self.schedule.point_at(level),
            noise: &mut |jump| match self.step_noise {
                StepNoise::Fresh => {
                    let purpose = Purpose::SampleNoise { step: jump.index as u32 };
                    to_device(noise(self.seed, purpose, which.clone(), each))
                }
                StepNoise::Path => to_device(path.increment(jump.from.level, jump.to.level)),
            },
            on_step,
        })?;
        Images::read(z)
    }

    /// Stops at the step that made a NaN.
    fn check(&self, step: &StepInfo<'_>) -> Result<(), SampleError> {
        let sum = step.z.clone().sum().try_into_data();
        let sum = sum.map_err(SampleError::device)?;
        match sum.iter::<f64>().all(f64::is_finite) {
            true => Ok(()),
            false => {
                Err(SampleError::NotFinite { sampler: self.sampler.name(), step: step.index + 1 })
            }
        }
    }
}
