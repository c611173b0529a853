//! Drawing any number of images from a network.

pub(crate) mod noise_path;

use std::cell::Cell;
use std::ops::{ControlFlow, Range};

use burn::tensor::{Device, Tensor, TensorData};
use halfstep_core::{Denoiser, DiscreteSchedule, PredictionType, TimePoint};
use halfstep_data::{Purpose, noise};
use halfstep_model::{NetworkDenoiser, UNet};

use self::noise_path::NoisePath;
use crate::error::SampleError;
use crate::output::images::Images;
use crate::sampler::{Sampler, StepInfo, Trajectory};

/// What is kept of drawings and measurements was made by a program of this number. To be raised with every
/// change of what is drawn or of what a network says of it (a sampler, a kernel, the resize), and of how
/// likelihoods come about (a formula, their noises): what was kept is then made again.
pub const MAKING: u32 = 2;

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
    /// The network's noise schedule.
    pub schedule: &'a DiscreteSchedule,
    /// Of the start noise and of stochastic samplers.
    pub seed: u64,
    /// What stochastic samplers add.
    pub step_noise: StepNoise,
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

/// Told of (network calls made, calls expected in all); breaks to stop the drawing.
pub type DrawProgress<'a> = dyn FnMut(u64, u64) -> ControlFlow<()> + 'a;

/// A [`DrawProgress`] that wants to know nothing.
pub fn quietly(_: u64, _: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Where images start from.
#[derive(Clone, Copy, Debug, Default)]
pub enum Start<'a> {
    /// The noise of (seed, k).
    #[default]
    Seed,
    /// Image k of these, which are to be as many as the number of the last image that is drawn.
    Given(&'a Images),
}

impl Draw<'_> {
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
        let batch_size = self.batch_size.max(1) as u64;
        let batches = (which.end - which.start).div_ceil(batch_size);
        let calls = Cell::new(0);
        for number in 0..batches {
            let first = which.start + number * batch_size;
            let batch = first..(first + batch_size).min(which.end);
            let before = calls.get();
            let noise = self.start_noise(start, batch.clone());
            let drawn = self.batch(batch, noise, &calls, &mut |step| {
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
        let network = NetworkDenoiser::new(self.unet, self.prediction_type, labels)?;
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

    /// No NaN goes further than the step that made it.
    fn check(&self, step: &StepInfo<'_>) -> Result<(), SampleError> {
        let sum = step.z.clone().sum().try_into_data();
        let sum = sum.map_err(SampleError::device)?;
        match sum.iter::<f64>().all(f64::is_finite) {
            true => Ok(()),
            false => Err(SampleError::NotFinite { sampler: self.sampler.name(), step: step.step }),
        }
    }
}
