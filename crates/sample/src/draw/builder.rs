//! Drawing in a few lines: the network, schedule, grid and classes come from the model.

use std::ops::ControlFlow;

use burn::tensor::Device;
use halfstep_core::{DiscreteSchedule, PredictionType, TimePoint};
use halfstep_model::{ClassInput, ModelError, ModelFolder, Network, UNet};

use super::{Draw, Start, StepNoise};
use crate::error::SampleError;
use crate::grids::{DEFAULT_STEPS, GridKind, GridLayout};
use crate::output::images::Images;
use crate::sampler::{GridRule, Sampler, StepInfo};

/// Images at once, unless [`SamplerBuilder::batch_size`] changes it.
const BATCH_SIZE: usize = 64;

/// Draws from a model in memory.
pub trait SampleModel {
    /// The network.
    type Network: Network;

    /// A drawing with this sampler, on the grid that the model's scheduler config asks for; a student on its own.
    ///
    /// ```no_run
    /// use std::path::Path;
    /// use halfstep_model::ModelFolder;
    /// use halfstep_sample::{DpmMultistep, SampleModel};
    ///
    /// let device = burn::tensor::Device::flex();
    /// let model = ModelFolder::load(Path::new("runs/digits/teacher"), &device)?;
    /// let images = model
    ///     .sampler(DpmMultistep::new(2))
    ///     .steps(10)
    ///     .seed(0)
    ///     .on_step(|step| println!("{} {:.3}", step.index, step.x0_mean()))
    ///     .draw(16)?;
    /// assert_eq!(images.len(), 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn sampler<'a>(&'a self, sampler: impl Sampler + 'a) -> SamplerBuilder<'a, Self::Network>;
}

impl SampleModel for ModelFolder {
    type Network = UNet;

    fn sampler<'a>(&'a self, sampler: impl Sampler + 'a) -> SamplerBuilder<'a, UNet> {
        let layout = GridLayout::from_scheduler(&self.scheduler);
        let (schedule, kind) = (&self.schedule, self.prediction_type());
        SamplerBuilder {
            shape: self.image_shape(),
            layout,
            own_grid: self.distilled_grid(),
            ..SamplerBuilder::new(&self.unet, kind, schedule, [0; 3], sampler)
        }
    }
}

/// A drawing that is being set up: see [`SampleModel::sampler`]. Nothing happens before [`draw`](Self::draw).
pub struct SamplerBuilder<'a, N: Network> {
    network: &'a N,
    prediction_type: PredictionType,
    schedule: &'a DiscreteSchedule,
    shape: Result<[usize; 3], ModelError>,
    sampler: Box<dyn Sampler + 'a>,
    steps: Option<usize>,
    layout: GridLayout,
    /// The grid that a student was distilled for.
    own_grid: Option<Vec<TimePoint>>,
    grid: Option<Vec<TimePoint>>,
    classes: Vec<u32>,
    seed: u64,
    batch_size: usize,
    on_step: Box<dyn FnMut(&StepInfo<'_>) + 'a>,
    progress: Box<dyn FnMut(u64, u64) -> ControlFlow<()> + 'a>,
}

impl<'a, N: Network> SamplerBuilder<'a, N> {
    /// A drawing from a network of your own, without autodiff, for images of `shape` C, H, W. Steps lie on
    /// trailing times; the classes of a network with a table of them are drawn in turn.
    pub fn new(
        network: &'a N,
        prediction_type: PredictionType,
        schedule: &'a DiscreteSchedule,
        shape: [usize; 3],
        sampler: impl Sampler + 'a,
    ) -> Self {
        let classes = match network.class_input() {
            ClassInput::Table(classes) => (0..classes as u32).collect(),
            ClassInput::None | ClassInput::Number => Vec::new(),
        };
        Self {
            network,
            prediction_type,
            schedule,
            shape: Ok(shape),
            sampler: Box::new(sampler),
            steps: None,
            layout: GridLayout::default(),
            own_grid: None,
            grid: None,
            classes,
            seed: 0,
            batch_size: BATCH_SIZE,
            on_step: Box::new(|_| {}),
            progress: Box::new(super::quietly),
        }
    }

    /// The number of steps. By default a student's own; 50 for other models, or as many as they have times.
    pub fn steps(mut self, num_steps: usize) -> Self {
        self.steps = Some(num_steps);
        self
    }

    /// Where the steps lie, instead of where the model's scheduler config or its distillation has them.
    pub fn grid_kind(mut self, kind: GridKind) -> Self {
        self.layout.kind = kind;
        self.own_grid = None;
        self
    }

    /// The grid itself, noisiest first; the last point is where the walk ends.
    pub fn grid(mut self, grid: Vec<TimePoint>) -> Self {
        self.grid = Some(grid);
        self
    }

    /// Classes for a class-conditional network, used in turn.
    pub fn classes(mut self, classes: impl Into<Vec<u32>>) -> Self {
        self.classes = classes.into();
        self
    }

    /// The seed of all noise; 0 by default. Image k depends on the seed and k alone.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Images at once: memory and speed, never results.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// Called after every step of every batch.
    pub fn on_step(mut self, on_step: impl FnMut(&StepInfo<'_>) + 'a) -> Self {
        self.on_step = Box::new(on_step);
        self
    }

    /// Gets (network calls made, calls expected in all) after every step, and breaks to stop the drawing.
    pub fn on_progress(mut self, progress: impl FnMut(u64, u64) -> ControlFlow<()> + 'a) -> Self {
        self.progress = Box::new(progress);
        self
    }

    /// Draws images 0 to `count`.
    ///
    /// # Errors
    /// [`SampleError`]: a grid that does not exist, a model without an image size, classes that do not fit, values
    /// that are not finite, a device that fails, or [`SampleError::Stopped`].
    pub fn draw(mut self, count: u64) -> Result<Images, SampleError> {
        let grid = self.take_grid()?;
        let shape = self.shape?;
        let draw = Draw {
            network: self.network,
            prediction_type: self.prediction_type,
            sampler: self.sampler.as_ref(),
            grid: &grid,
            schedule: self.schedule,
            seed: self.seed,
            step_noise: StepNoise::Fresh,
            batch_size: self.batch_size,
            shape,
            classes: &self.classes,
            device: &device_of(self.network),
        };
        let mut images = Images::empty(shape);
        let (progress, on_step) = (&mut *self.progress, &mut *self.on_step);
        draw.batches_with_steps(0..count, Start::Seed, progress, on_step, &mut |_, batch| {
            images.append(batch);
            Ok(())
        })?;
        Ok(images)
    }

    fn take_grid(&mut self) -> Result<Vec<TimePoint>, SampleError> {
        let (rule, own) = (self.sampler.grid_rule(), self.own_grid.take());
        let own_steps = own.as_ref().map(|grid| grid.len() - 1);
        let asked = match rule {
            GridRule::Budget => self.sampler.calls(&[]),
            _ => self.steps,
        };
        match (self.grid.take(), own) {
            (Some(grid), _) => Ok(grid),
            (None, Some(own)) if rule.takes_any() && asked.is_none_or(|n| Some(n) == own_steps) => {
                Ok(own)
            }
            _ => {
                let num_steps = asked.unwrap_or(DEFAULT_STEPS.min(self.schedule.len()));
                self.layout.grid(self.schedule, rule, num_steps)
            }
        }
    }
}

/// The device of the network's parameters; the default device for a network without any.
fn device_of(network: &impl Network) -> Device {
    network.devices().into_iter().next().unwrap_or_default()
}
