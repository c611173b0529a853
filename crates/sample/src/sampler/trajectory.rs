//! One walk from noise to images: its input, its steps, and the loop over them.

use burn::tensor::{Tensor, TensorData};
use halfstep_core::rng::{Purpose, noise};
use halfstep_core::{
    Denoiser, DiscreteSchedule, NoiseLevel, Prediction, PredictionType, TimePoint,
};

use super::Sampler;
use crate::error::{NoSignal, SampleError};

/// The input of [`Sampler::sample`].
pub struct Trajectory<'a> {
    /// Predicts the image in z at a time.
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

/// A step that a sampler has taken, as `on_step` sees it.
#[derive(Clone, Copy, Debug)]
pub struct StepInfo<'a> {
    /// Counted from 0.
    pub index: usize,
    /// Steps in all; `None` for a method that chooses its own.
    pub num_steps: Option<usize>,
    /// Where the step went. Images with steps of their own (adaptive methods) are at different times: this is the
    /// image that is furthest behind.
    pub jump: Jump,
    /// The part of the walk that is done, in `[0, 1]`.
    pub done: f64,
    /// z after the step, `[B, C, H, W]`.
    pub z: &'a Tensor<4>,
    /// The network's prediction at the step's start, as the method used it: clipped if it clips. Of several calls
    /// in a step, the first.
    pub prediction: &'a Prediction,
}

impl StepInfo<'_> {
    /// The image that the network predicted at the step's start, `[B, C, H, W]`.
    pub fn x0(&self) -> Tensor<4> {
        self.prediction.x0()
    }

    /// The mean over all values of [`x0`](Self::x0). Reads one number from the device.
    ///
    /// # Panics
    /// If the device fails.
    pub fn x0_mean(&self) -> f64 {
        self.x0().mean().into_scalar::<f64>()
    }
}

impl Trajectory<'_> {
    /// The network's prediction for z at a point.
    ///
    /// # Errors
    /// [`SampleError::NoSignal`] for an eps-prediction at alpha = 0, which does not determine the image.
    pub fn predict(&self, z: Tensor<4>, at: TimePoint) -> Result<Prediction, SampleError> {
        self.predict_each(z, &[at])
    }

    /// The same with one point per image of the batch.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn predict_each(&self, z: Tensor<4>, at: &[TimePoint]) -> Result<Prediction, SampleError> {
        let prediction = self.denoiser.predict(z, at);
        let no_signal = at.iter().any(|point| point.level.alpha() == 0.0);
        if prediction.kind() == PredictionType::Epsilon && no_signal {
            return Err(NoSignal::EpsPrediction.into());
        }
        Ok(prediction)
    }

    /// Refuses a grid that starts at alpha = 0, for a method whose formulas divide by alpha: `infinite` names
    /// what has no value there, such as `lambda`.
    ///
    /// # Errors
    /// [`SampleError::NoSignal`].
    pub fn needs_signal(
        &self,
        sampler: &'static str,
        infinite: &'static str,
    ) -> Result<(), SampleError> {
        match self.starts_at_pure_noise() {
            true => Err(NoSignal::Method { sampler, infinite }.into()),
            false => Ok(()),
        }
    }

    /// Whether the grid starts at alpha = 0.
    pub fn starts_at_pure_noise(&self) -> bool {
        self.grid.first().is_some_and(|start| start.level.alpha() == 0.0)
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
/// [`Draw`](crate::Draw) draws it. Progress is not reported.
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

/// The loop of every method that follows the grid. `step` takes z over one jump and returns it with the
/// prediction that it used, the first if there were several.
///
/// # Errors
/// The first one of `step` or of `on_step`.
pub fn walk(
    mut run: Trajectory<'_>,
    mut step: impl FnMut(
        &mut Trajectory<'_>,
        Tensor<4>,
        Jump,
    ) -> Result<(Tensor<4>, Prediction), SampleError>,
) -> Result<Tensor<4>, SampleError> {
    let mut z = run.start.clone();
    let num_steps = run.grid.len().saturating_sub(1);
    for index in 0..num_steps {
        let jump = Jump { index, from: run.grid[index], to: run.grid[index + 1] };
        let (next, prediction) = step(&mut run, z, jump)?;
        z = next;
        (run.on_step)(StepInfo {
            index,
            num_steps: Some(num_steps),
            jump,
            done: (index + 1) as f64 / num_steps as f64,
            z: &z,
            prediction: &prediction,
        })?;
    }
    Ok(z)
}
