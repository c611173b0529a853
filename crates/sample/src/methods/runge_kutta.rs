//! The probability-flow ODE in several variables, and Runge-Kutta steps over it.
//!
//! With `z = alpha x0 + sigma eps` and the prediction at z, each of these is the same flow
//! (Song et al. 2021, <https://arxiv.org/abs/2011.13456>; Karras et al. 2022,
//! <https://arxiv.org/abs/2206.00364>, equation 4):
//!
//! | variable | state y | dy |
//! |---|---|---|
//! | `karras`: sigma / alpha | z / alpha | eps |
//! | `data`: alpha / sigma | z / sigma | x0 |
//! | `lambda`: ln(alpha / sigma) | z | `-alpha sigma v` |
//! | `phi`: atan2(sigma, alpha) | z | v |

use burn::tensor::Tensor;
use clap::ValueEnum;
use halfstep_core::{NoiseLevel, Prediction, TimePoint, X0Clip, column};

use crate::error::SampleError;
use crate::methods::options::{SamplerOptions, clipped_everywhere};
use crate::sampler::{Jump, Sampler, Trajectory, calls_of, walk};

/// What an ODE solver steps in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OdeVariable {
    /// sigma / alpha, k-diffusion's and EDM's sigma: infinite at pure noise
    Karras,
    /// alpha / sigma, its inverse: starts at 0 at pure noise
    Data,
    /// ln(alpha / sigma), DPM-Solver's lambda: infinite at pure noise
    Lambda,
    /// The angle atan2(sigma, alpha): finite at both ends
    Phi,
}

impl OdeVariable {
    /// Where a level lies.
    pub fn position(self, level: NoiseLevel) -> f64 {
        match self {
            Self::Karras => level.karras_sigma(),
            Self::Data => level.alpha() / level.sigma(),
            Self::Lambda => level.lambda(),
            Self::Phi => level.phi(),
        }
    }

    /// The level at a position.
    pub fn level(self, position: f64) -> NoiseLevel {
        match self {
            Self::Karras => NoiseLevel::from_log_snr(-2.0 * position.ln()),
            Self::Data => NoiseLevel::from_log_snr(2.0 * position.ln()),
            Self::Lambda => NoiseLevel::from_log_snr(2.0 * position),
            Self::Phi => NoiseLevel::from_phi(position),
        }
    }

    /// Whether it is finite at pure noise.
    pub fn starts_at_pure_noise(self) -> bool {
        matches!(self, Self::Data | Self::Phi)
    }

    /// y of z `[B, C, H, W]` at one level or B.
    pub fn state(self, z: Tensor<4>, levels: &[NoiseLevel]) -> Tensor<4> {
        match self.scale(levels, &z) {
            Some(scale) => z / scale,
            None => z,
        }
    }

    /// z of y, the inverse of [`state`](Self::state).
    pub fn z(self, state: Tensor<4>, levels: &[NoiseLevel]) -> Tensor<4> {
        match self.scale(levels, &state) {
            Some(scale) => state * scale,
            None => state,
        }
    }

    /// dy by the variable, where the network said `p` at these levels.
    pub fn slope(self, p: &Prediction, levels: &[NoiseLevel]) -> Tensor<4> {
        match self {
            Self::Karras => p.eps(),
            Self::Data => p.x0(),
            Self::Lambda => {
                let v = p.v();
                column(levels.iter().map(|level| -level.alpha() * level.sigma()), &v) * v
            }
            Self::Phi => p.v(),
        }
    }

    fn scale(self, levels: &[NoiseLevel], like: &Tensor<4>) -> Option<Tensor<4>> {
        match self {
            Self::Karras => Some(column(levels.iter().map(NoiseLevel::alpha), like)),
            Self::Data => Some(column(levels.iter().map(NoiseLevel::sigma), like)),
            Self::Lambda | Self::Phi => None,
        }
    }
}

/// An explicit Runge-Kutta method (Butcher's tableau).
#[derive(Debug)]
pub struct Tableau {
    /// Row i: how much of the slopes before it stage i + 1 adds to the state.
    pub stages: &'static [&'static [f64]],
    /// How much of every slope the step adds.
    pub weights: &'static [f64],
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

/// A solver with fixed steps, each between two points of the grid. The last step, to the clean
/// image, takes x0 as it is (as EDM's Heun does: there is no network to call at the clean end).
#[derive(Clone, Copy, Debug)]
pub struct RungeKutta {
    /// On the command line.
    pub name: &'static str,
    /// The method.
    pub tableau: &'static Tableau,
    /// What it steps in; `None`: `karras`, or `data` on a grid that starts at pure noise.
    pub variable: Option<OdeVariable>,
    /// Keep x0 in range.
    pub clip: Option<X0Clip>,
}

impl RungeKutta {
    /// With the options that matter.
    pub fn new(name: &'static str, tableau: &'static Tableau, options: &SamplerOptions) -> Self {
        Self { name, tableau, variable: options.variable, clip: options.clip }
    }

    fn step(
        &self,
        variable: OdeVariable,
        run: &Trajectory<'_>,
        z: Tensor<4>,
        jump: Jump,
    ) -> Result<Tensor<4>, SampleError> {
        let ask = |z, at| run.predict(z, at).map(|p| clipped_everywhere(p, self.clip));
        let first = ask(z.clone(), jump.from)?;
        if jump.is_final() {
            return Ok(first.x0());
        }
        let (from, to) = (variable.position(jump.from.level), variable.position(jump.to.level));
        let h = column(std::iter::once(to - from), &z);
        let y = variable.state(z, &[jump.from.level]);
        let mut slopes = vec![variable.slope(&first, &[jump.from.level])];
        for row in self.tableau.stages {
            let part: f64 = row.iter().sum();
            let at = match part {
                0.0 => jump.from,
                1.0 => jump.to,
                part => (run.locate)(variable.level(from + part * (to - from))),
            };
            let stage = variable.z(advance(&y, &slopes, row, &h), &[at.level]);
            slopes.push(variable.slope(&ask(stage, at)?, &[at.level]));
        }
        let y = advance(&y, &slopes, self.tableau.weights, &h);
        Ok(variable.z(y, &[jump.to.level]))
    }
}

impl Sampler for RungeKutta {
    fn name(&self) -> &'static str {
        self.name
    }

    /// Euler's method in sigma / alpha or its inverse.
    fn is_ddim(&self) -> bool {
        let straight =
            matches!(self.variable, None | Some(OdeVariable::Karras | OdeVariable::Data));
        self.tableau.stages.is_empty() && straight
    }

    fn calls(&self, grid: &[TimePoint]) -> Option<usize> {
        Some(calls_of(self.tableau.weights.len(), grid))
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
    let pure = run.grid.first().is_some_and(|start| start.level.alpha() == 0.0);
    match asked {
        Some(variable) if pure && !variable.starts_at_pure_noise() => Err(SampleError::NoSignal {
            what: "sigma / alpha and lambda are infinite",
            instead: "use --ode-variable data or phi, or --sampler dpm-solver++-2m",
        }),
        Some(variable) => Ok(variable),
        None if pure => Ok(OdeVariable::Data),
        None => Ok(OdeVariable::Karras),
    }
}
