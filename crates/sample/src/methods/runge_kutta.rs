//! Explicit Runge-Kutta steps over the probability-flow ODE.

use std::marker::PhantomData;

use burn::tensor::Tensor;
use halfstep_core::{Prediction, TimePoint, X0Clip, column};

use super::clip::clipped_everywhere;
use super::ode_variable::OdeVariable;
use super::options::SamplerOptions;
use crate::error::{NoSignal, SampleError};
use crate::sampler::{Jump, Sampler, Trajectory, calls_of, walk};

/// The coefficients of an explicit Runge-Kutta method (Butcher's tableau).
#[derive(Debug)]
pub struct Tableau {
    /// Row i: how much of the slopes before it stage i + 1 adds to the state.
    pub stages: &'static [&'static [f64]],
    /// How much of every slope the step adds.
    pub weights: &'static [f64],
}

/// Names an explicit Runge-Kutta method.
pub trait TableauMethod {
    /// The sampler's short name.
    const NAME: &'static str;
    /// Its coefficients.
    const TABLEAU: Tableau;
}

/// y after `h` times the weighted sum of the slopes; `h` is `[1 or B, 1, 1, 1]`.
pub fn advance(y: &Tensor<4>, slopes: &[Tensor<4>], weights: &[f64], h: &Tensor<4>) -> Tensor<4> {
    let terms = slopes.iter().zip(weights).filter(|(_, weight)| **weight != 0.0);
    let sum = terms.map(|(slope, &weight)| slope.clone() * weight).reduce(|a, b| a + b);
    match sum {
        Some(sum) => y.clone() + h.clone() * sum,
        None => y.clone(),
    }
}

/// A solver with fixed steps, each between two points of the grid: [`Euler`](super::Euler), [`Heun`](super::Heun)
/// or [`Rk4`](super::Rk4). The last step, to the clean image, takes x0 as it is, as EDM's Heun does: there is no
/// network to call at the clean end.
#[derive(Clone, Copy, Debug)]
pub struct RungeKutta<M> {
    /// The variable it steps in; `None`: `karras`, or `data` on a grid that starts at pure noise.
    pub variable: Option<OdeVariable>,
    /// Keep x0 in range.
    pub clip: Option<X0Clip>,
    method: PhantomData<M>,
}

impl<M: TableauMethod> RungeKutta<M> {
    /// In the default variable, without clipping.
    pub const fn new() -> Self {
        Self { variable: None, clip: None, method: PhantomData }
    }

    /// In this variable, without clipping.
    pub const fn in_variable(variable: OdeVariable) -> Self {
        Self { variable: Some(variable), clip: None, method: PhantomData }
    }

    pub(super) fn with_options(mut self, options: &SamplerOptions) -> Self {
        (self.variable, self.clip) = (options.variable, options.clip);
        self
    }

    fn step(
        &self,
        variable: OdeVariable,
        run: &Trajectory<'_>,
        z: Tensor<4>,
        jump: Jump,
    ) -> Result<(Tensor<4>, Prediction), SampleError> {
        let predict = |z, at| run.predict(z, at).map(|p| clipped_everywhere(p, self.clip));
        let first = predict(z.clone(), jump.from)?;
        if jump.is_final() {
            return Ok((first.x0(), first));
        }
        let (from, to) = (variable.position(jump.from.level), variable.position(jump.to.level));
        let h = column(std::iter::once(to - from), &z);
        let y = variable.state(z, &[jump.from.level]);
        let mut slopes = vec![variable.slope(&first, &[jump.from.level])];
        for row in M::TABLEAU.stages {
            let part: f64 = row.iter().sum();
            let at = match part {
                0.0 => jump.from,
                1.0 => jump.to,
                part => (run.locate)(variable.level(from + part * (to - from))),
            };
            let stage = variable.z(advance(&y, &slopes, row, &h), &[at.level]);
            slopes.push(variable.slope(&predict(stage, at)?, &[at.level]));
        }
        let y = advance(&y, &slopes, M::TABLEAU.weights, &h);
        Ok((variable.z(y, &[jump.to.level]), first))
    }
}

impl<M: TableauMethod> Default for RungeKutta<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: TableauMethod> Sampler for RungeKutta<M> {
    fn name(&self) -> &'static str {
        M::NAME
    }

    /// Euler's method in sigma / alpha or its inverse.
    fn is_ddim(&self) -> bool {
        let straight =
            matches!(self.variable, None | Some(OdeVariable::Karras | OdeVariable::Data));
        M::TABLEAU.stages.is_empty() && straight
    }

    fn calls(&self, grid: &[TimePoint]) -> Option<usize> {
        Some(calls_of(M::TABLEAU.weights.len(), grid))
    }

    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError> {
        let variable = variable_for(self.variable, &run)?;
        walk(run, |run, z, jump| self.step(variable, run, z, jump))
    }
}

/// The variable asked for, if the grid allows it; by default `karras`, or `data` where the grid
/// starts at pure noise.
///
/// # Errors
/// [`SampleError::NoSignal`].
pub fn variable_for(
    asked: Option<OdeVariable>,
    run: &Trajectory<'_>,
) -> Result<OdeVariable, SampleError> {
    let pure = run.starts_at_pure_noise();
    match asked {
        Some(variable) if pure && !variable.starts_at_pure_noise() => {
            Err(NoSignal::Variable.into())
        }
        Some(variable) => Ok(variable),
        None if pure => Ok(OdeVariable::Data),
        None => Ok(OdeVariable::Karras),
    }
}
