//! The [`Sampler`] seam: what a sampler is given, what it gives back, and the loop most share.

use burn::tensor::{Tensor, TensorData};
use halfstep_core::{
    Denoiser, DiscreteSchedule, NoiseLevel, Prediction, PredictionType, TimePoint,
};
use halfstep_data::{Purpose, noise};

use crate::error::SampleError;

/// Walks from `z_T` to `z_0`.
pub trait Sampler {
    /// The name on the command line.
    fn name(&self) -> &'static str;

    /// Returns z at the last point of the grid, `[B, C, H, W]`.
    ///
    /// # Errors
    /// [`SampleError::NoSignal`] where the grid starts at zero signal (alpha = 0) and the method or
    /// the network's prediction needs some; whatever `on_step` returns.
    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError>;

    /// What the samples converge to with ever more steps.
    fn family(&self) -> Family {
        Family::Ode
    }

    /// Whether it adds noise.
    fn is_stochastic(&self) -> bool {
        self.family() == Family::Sde
    }

    /// Whether a step is DDIM's deterministic one, which students are distilled for.
    fn is_ddim(&self) -> bool {
        false
    }

    /// Network calls over a grid; `None` where that depends on the image.
    fn calls(&self, grid: &[TimePoint]) -> Option<usize> {
        Some(grid.len().saturating_sub(1))
    }
}

/// What a sampler's images converge to with ever more steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// The solution of the probability-flow ODE from the start noise: the image is a function of it.
    Ode,
    /// A path of the reverse SDE: fresh noise in every step.
    Sde,
}

/// What a sampler is given.
pub struct Trajectory<'a> {
    /// Answers what z means at a time.
    pub denoiser: &'a dyn Denoiser,
    /// `z_T`, `[B, C, H, W]`.
    pub start: Tensor<4>,
    /// Noisiest first; the last point is where the walk ends, normally [`TimePoint::CLEAN`].
    pub grid: &'a [TimePoint],
    /// The time point of any noise level, for methods that call the network between grid points:
    /// [`halfstep_core::DiscreteSchedule::point_at`].
    pub locate: &'a dyn Fn(NoiseLevel) -> TimePoint,
    /// Fresh standard normal noise of the shape of `start` for a jump.
    pub noise: &'a mut dyn FnMut(Jump) -> Tensor<4>,
    /// Called after every step. An error ends the walk.
    pub on_step: &'a mut dyn FnMut(StepInfo<'_>) -> Result<(), SampleError>,
}

/// One step of a grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jump {
    /// Counted from 0.
    pub index: usize,
    /// The noisier point.
    pub from: TimePoint,
    /// The less noisy one.
    pub to: TimePoint,
}

impl Jump {
    /// Whether the step ends at the clean image, where every method gives x0 itself.
    pub fn is_final(&self) -> bool {
        self.to.level.sigma() == 0.0
    }
}

/// Where a sampler is.
pub struct StepInfo<'a> {
    /// Steps done, from 1.
    pub step: usize,
    /// Steps in all; `None` for a method that chooses its own.
    pub num_steps: Option<usize>,
    /// The part of the walk that is done, in `[0, 1]`.
    pub done: f64,
    /// z after the step, `[B, C, H, W]`.
    pub z: &'a Tensor<4>,
}

impl Trajectory<'_> {
    /// What the network says about z at a point.
    ///
    /// # Errors
    /// [`SampleError::NoSignal`] for an eps-prediction at alpha = 0, which says nothing about the
    /// image.
    pub fn predict(&self, z: Tensor<4>, at: TimePoint) -> Result<Prediction, SampleError> {
        self.predict_each(z, &[at])
    }

    /// The same with every image of the batch at a point of its own.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn predict_each(&self, z: Tensor<4>, at: &[TimePoint]) -> Result<Prediction, SampleError> {
        let prediction = self.denoiser.predict(z, at);
        let no_signal = at.iter().any(|point| point.level.alpha() == 0.0);
        if prediction.kind() == PredictionType::Epsilon && no_signal {
            return Err(SampleError::NoSignal {
                what: "an eps-prediction does not determine the image",
                instead: "start later, with --sampler ddim --grid-kind leading, or use a v- or \
                          x0-prediction model",
            });
        }
        Ok(prediction)
    }

    /// Refuses a grid that starts at alpha = 0, for methods whose formulas divide by alpha.
    ///
    /// # Errors
    /// [`SampleError::NoSignal`].
    pub fn needs_signal(&self, what: &'static str) -> Result<(), SampleError> {
        match self.grid.first() {
            Some(start) if start.level.alpha() == 0.0 => Err(SampleError::NoSignal {
                what,
                instead: "use --sampler dpm-solver++-2m, ddim or angular",
            }),
            _ => Ok(()),
        }
    }
}

/// Network calls over a grid of a method that makes `each` in a step, and one in the step to the
/// clean image.
pub(crate) fn calls_of(each: usize, grid: &[TimePoint]) -> usize {
    let steps = grid.len().saturating_sub(1);
    match grid.last() {
        Some(end) if end.level.sigma() == 0.0 => each * steps.saturating_sub(1) + steps.min(1),
        _ => each * steps,
    }
}

/// Walks over a grid with any denoiser. Image k of the batch gets the step noise of (seed, k), as when
/// [`Draw`](crate::Draw) draws it; nobody is told of the progress.
///
/// # Errors
/// As [`Sampler::sample`].
pub fn draw_with(
    sampler: &dyn Sampler,
    denoiser: &dyn Denoiser,
    schedule: &DiscreteSchedule,
    grid: &[TimePoint],
    start: Tensor<4>,
    seed: u64,
) -> Result<Tensor<4>, SampleError> {
    let (shape, device) = (start.dims(), start.device());
    let each = shape[1..].iter().product();
    sampler.sample(Trajectory {
        denoiser,
        start,
        grid,
        locate: &|level| schedule.point_at(level),
        noise: &mut |jump| {
            let purpose = Purpose::SampleNoise { step: jump.index as u32 };
            let values = noise(seed, purpose, 0..shape[0] as u64, each);
            Tensor::from_data(TensorData::new(values, shape), &device)
        },
        on_step: &mut |_| Ok(()),
    })
}

/// The loop of every method that follows the grid: `step` takes z over one jump.
///
/// # Errors
/// The first one of `step` or of `on_step`.
pub fn walk(
    mut run: Trajectory<'_>,
    mut step: impl FnMut(&mut Trajectory<'_>, Tensor<4>, Jump) -> Result<Tensor<4>, SampleError>,
) -> Result<Tensor<4>, SampleError> {
    let mut z = run.start.clone();
    let num_steps = run.grid.len().saturating_sub(1);
    for index in 0..num_steps {
        let jump = Jump { index, from: run.grid[index], to: run.grid[index + 1] };
        z = step(&mut run, z, jump)?;
        (run.on_step)(StepInfo {
            step: index + 1,
            num_steps: Some(num_steps),
            done: (index + 1) as f64 / num_steps as f64,
            z: &z,
        })?;
    }
    Ok(z)
}
