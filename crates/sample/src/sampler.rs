//! The [`Sampler`] seam.

use burn::tensor::Tensor;
use halfstep_core::{
    AncestralVariance, Denoiser, NoiseLevel, Prediction, PredictionType, TimePoint,
};

use crate::error::SampleError;
use crate::samplers::{Ancestral, AngularDdim, Ddim};

/// What a sampler is given.
pub struct Trajectory<'a> {
    /// Answers what z means at a time.
    pub denoiser: &'a dyn Denoiser,
    /// `z_T`, `[B, C, H, W]`.
    pub start: Tensor<4>,
    /// Noisiest first; the last point is where the walk ends, normally [`TimePoint::CLEAN`].
    pub grid: &'a [TimePoint],
    /// Fresh standard normal noise of the shape of `start` for a step, counted from 0.
    pub noise: &'a mut dyn FnMut(usize) -> Tensor<4>,
    /// Called after every step.
    pub on_step: &'a mut dyn FnMut(StepInfo<'_>),
}

/// Where a sampler is.
pub struct StepInfo<'a> {
    /// Steps done, from 1.
    pub step: usize,
    /// Steps in all.
    pub num_steps: usize,
    /// z after the step, `[B, C, H, W]`.
    pub z: &'a Tensor<4>,
}

/// Walks from `z_T` to `z_0`.
pub trait Sampler {
    /// The name on the command line.
    fn name(&self) -> &'static str;

    /// Returns z at the last point of the grid, `[B, C, H, W]`.
    ///
    /// # Errors
    /// [`SampleError::NoSignal`] where the network's prediction does not determine the image.
    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError>;
}

/// The samplers of the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum SamplerKind {
    /// DDIM (Song et al. 2021), deterministic at --eta 0
    #[default]
    Ddim,
    /// DDIM as a rotation by an angle, from v (Salimans & Ho 2022)
    Angular,
    /// Ancestral DDPM (Ho et al. 2020)
    Ddpm,
}

/// The options that some samplers take.
#[derive(Clone, Copy, Debug)]
pub struct SamplerOptions {
    /// DDIM's noise: 0 is deterministic, 1 is DDPM.
    pub eta: f64,
    /// DDPM's variance.
    pub variance: AncestralVariance,
    /// Clip the predicted x0 to `[-bound, bound]` in every step.
    pub clip: Option<f64>,
}

impl Default for SamplerOptions {
    fn default() -> Self {
        Self { eta: 0.0, variance: AncestralVariance::FixedSmall, clip: None }
    }
}

impl SamplerKind {
    /// Builds the sampler.
    pub fn build(self, options: SamplerOptions) -> Box<dyn Sampler> {
        let SamplerOptions { eta, variance, clip } = options;
        match self {
            Self::Ddim => Box::new(Ddim { eta, clip }),
            Self::Angular => Box::new(AngularDdim { clip }),
            Self::Ddpm => Box::new(Ancestral { variance, clip }),
        }
    }
}

/// The levels that a one-step method goes between.
pub(crate) struct Jump {
    pub index: usize,
    pub from: NoiseLevel,
    pub to: NoiseLevel,
}

/// The loop of every method that calls the network once a step.
pub(crate) fn walk(
    mut run: Trajectory<'_>,
    mut step: impl FnMut(Prediction, Tensor<4>, Jump, &mut dyn FnMut(usize) -> Tensor<4>) -> Tensor<4>,
) -> Result<Tensor<4>, SampleError> {
    let mut z = run.start;
    let num_steps = run.grid.len().saturating_sub(1);
    for (index, pair) in run.grid.windows(2).enumerate() {
        let (from, to) = (pair[0], pair[1]);
        let prediction = run.denoiser.predict(z.clone(), &[from]);
        if prediction.kind() == PredictionType::Epsilon && from.level.alpha() == 0.0 {
            return Err(SampleError::NoSignal);
        }
        z = step(prediction, z, Jump { index, from: from.level, to: to.level }, &mut run.noise);
        (run.on_step)(StepInfo { step: index + 1, num_steps, z: &z });
    }
    Ok(z)
}

/// Clips x0 if asked to, as diffusers' `clip_sample` does: eps stays what it was.
pub(crate) fn clipped(prediction: Prediction, bound: Option<f64>) -> Prediction {
    match bound {
        Some(bound) => prediction.with_clipped_x0(-bound, bound),
        None => prediction,
    }
}
