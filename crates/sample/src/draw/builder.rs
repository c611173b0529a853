//! Drawing in a few lines: the network, schedule, grid and classes come from the model; the sampler's options are the
//! caller's.

use std::ops::ControlFlow;

use halfstep_core::{DiscreteSchedule, PredictionType, TimePoint};
use halfstep_model::{ModelError, ModelFolder, Network, UNet};

use super::{BATCH_SIZE, Draw, Start, classes_of};
use crate::grids::{DEFAULT_STEPS, GridKind, GridLayout};
use crate::output::images::Images;
use crate::plan::PlanError;
use crate::sampler::{GridRule, Sampler, StepInfo};

/// Draws from a model in memory.
pub trait SampleModel {
    /// The network.
    type Network: Network;

    /// A drawing with this sampler, on the grid that the model's scheduler config asks for; a student on its own.
    ///
    /// The sampler is used as it is, with its own options: it does not clip or threshold because the scheduler config
    /// asks for that. A [`SamplingRequest`](crate::SamplingRequest) follows the config in this too.
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
    grid_kind: Option<GridKind>,
    /// The grids of the model's scheduler config.
    layout: GridLayout,
    /// The grid that a student was distilled for.
    own_grid: Option<Vec<TimePoint>>,
    off_grid: bool,
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
        Self {
            network,
            prediction_type,
            schedule,
            shape: Ok(shape),
            sampler: Box::new(sampler),
            steps: None,
            grid_kind: None,
            layout: GridLayout::default(),
            own_grid: None,
            off_grid: false,
            grid: None,
            classes: classes_of(network),
            seed: 0,
            batch_size: BATCH_SIZE,
            on_step: Box::new(|_| {}),
            progress: Box::new(super::quietly),
        }
    }

    /// The number of steps. By default a student's own; 50 for other models, or as many as they have times. Not for a
    /// sampler that chooses its own steps.
    pub fn steps(mut self, num_steps: usize) -> Self {
        self.steps = Some(num_steps);
        self
    }

    /// Where the steps lie, instead of where the model's scheduler config has them. Not for a sampler that chooses its
    /// own steps.
    pub fn grid_kind(mut self, kind: GridKind) -> Self {
        self.grid_kind = Some(kind);
        self
    }

    /// Whether a student may step off the grid that it was distilled for, or otherwise than DDIM: its images are worse
    /// then. By default it is an error.
    pub fn off_grid(mut self, off_grid: bool) -> Self {
        self.off_grid = off_grid;
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
    /// [`PlanError::OwnSteps`] and [`PlanError::OwnTimes`] for steps or a kind of grid that the sampler does not take;
    /// [`PlanError::StudentGrid`] and [`PlanError::StudentSampler`] for a student that steps otherwise than it was
    /// distilled for; [`PlanError::Model`] for a model without an image size; [`PlanError::Sample`] for a grid that does
    /// not exist and for everything that happens while drawing, such as values that are not finite.
    pub fn draw(mut self, count: u64) -> Result<Images, PlanError> {
        let grid = self.take_grid()?;
        let shape = self.shape?;
        let sampler = self.sampler.as_ref();
        let draw = Draw {
            seed: self.seed,
            batch_size: self.batch_size,
            classes: self.classes,
            ..Draw::new(self.network, self.prediction_type, self.schedule, sampler, &grid, shape)
        };
        let mut images = Images::empty(shape);
        let (progress, on_step) = (&mut *self.progress, &mut *self.on_step);
        draw.batches_with_steps(0..count, Start::Seed, progress, on_step, &mut |_, batch| {
            images.append(batch);
            Ok(())
        })?;
        Ok(images)
    }

    fn take_grid(&mut self) -> Result<Vec<TimePoint>, PlanError> {
        let (rule, sampler) = (self.sampler.grid_rule(), self.sampler.name());
        if !rule.takes_any() && self.steps.is_some() {
            return Err(PlanError::OwnSteps { sampler });
        }
        if !rule.takes_any() && self.grid_kind.is_some() {
            return Err(PlanError::OwnTimes { sampler });
        }
        let own = self.own_grid.take();
        let grid = match (self.grid.take(), &own) {
            (Some(grid), _) => grid,
            (None, Some(own)) if self.keeps_to(own) => own.clone(),
            (None, _) => self.new_grid(rule)?,
        };
        match own {
            Some(own) if !self.off_grid && own != grid => {
                let timesteps = own[..own.len() - 1].iter().map(|point| point.t as usize);
                let timesteps: Vec<usize> = timesteps.collect();
                Err(PlanError::StudentGrid { num_steps: timesteps.len(), timesteps })
            }
            Some(_) if !self.off_grid && !self.sampler.is_ddim() => {
                Err(PlanError::StudentSampler { sampler })
            }
            _ => Ok(grid),
        }
    }

    /// Whether nothing requested differs from a student's own grid.
    fn keeps_to(&self, own: &[TimePoint]) -> bool {
        self.sampler.grid_rule().takes_any()
            && self.grid_kind.is_none_or(|kind| kind == GridKind::Trailing)
            && self.steps.is_none_or(|steps| steps + 1 == own.len())
    }

    fn new_grid(&self, rule: GridRule) -> Result<Vec<TimePoint>, PlanError> {
        let requested = if rule == GridRule::Budget { self.sampler.calls(&[]) } else { self.steps };
        let num_steps = requested.unwrap_or(DEFAULT_STEPS.min(self.schedule.len()));
        let kind = self.grid_kind.unwrap_or(self.layout.kind);
        Ok(GridLayout { kind, ..self.layout }.grid(self.schedule, rule, num_steps)?)
    }
}

#[cfg(test)]
mod tests {
    use halfstep_model::Distilled;

    use super::*;
    use crate::methods::{AdaptiveRungeKutta, AngularDdim, Heun};
    use crate::testing::zeroed_model;

    /// The number of network calls for one image.
    fn calls<N: Network>(builder: SamplerBuilder<'_, N>) -> Result<u64, PlanError> {
        let mut calls = 0;
        builder
            .on_progress(|made, _| {
                calls = made;
                ControlFlow::Continue(())
            })
            .draw(1)?;
        Ok(calls)
    }

    #[test]
    fn a_student_steps_as_it_was_distilled_unless_allowed() {
        let distilled = Distilled { num_steps: 2, timesteps: vec![15, 7] };
        let model = zeroed_model(Some(distilled));
        let ddim = || model.sampler(AngularDdim::default());
        assert_eq!(calls(ddim()).unwrap(), 2);
        assert_eq!(calls(ddim().steps(2).grid_kind(GridKind::Trailing)).unwrap(), 2);
        let other = [ddim().steps(4), ddim().grid_kind(GridKind::Leading)];
        for builder in other {
            let error = calls(builder);
            assert!(matches!(error, Err(PlanError::StudentGrid { num_steps: 2, .. })), "{error:?}");
        }
        assert_eq!(calls(ddim().steps(4).off_grid(true)).unwrap(), 4);
        let error = calls(model.sampler(Heun::new()));
        assert!(matches!(error, Err(PlanError::StudentSampler { sampler: "heun" })), "{error:?}");
    }

    #[test]
    fn steps_are_refused_where_the_sampler_chooses_them() {
        let model = zeroed_model(None);
        let adaptive = || model.sampler(AdaptiveRungeKutta::rk45());
        let error = calls(adaptive().steps(4));
        assert!(matches!(error, Err(PlanError::OwnSteps { sampler: "rk45" })), "{error:?}");
        let error = calls(adaptive().grid_kind(GridKind::Phi));
        assert!(matches!(error, Err(PlanError::OwnTimes { .. })), "{error:?}");
    }
}
