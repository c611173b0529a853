//! Embedded Runge-Kutta pairs that choose their own steps: Bogacki-Shampine 3(2) and
//! Dormand-Prince 5(4), known as RK23 and RK45.
//!
//! Every image has its own steps: its error does not affect its neighbours in the batch, so an image is the same in
//! any batch. Images that have arrived wait for the others.

use burn::tensor::Tensor;
use halfstep_core::{NoiseLevel, Prediction, PredictionType, TimePoint, X0Clip, column};

use super::clip::clipped_everywhere;
use super::entry::{SamplerEntry, SamplerOption};
use super::ode_variable::OdeVariable;
use super::options::{SamplerOptions, Tolerance};
use super::runge_kutta::{Tableau, advance, variable_for};
use crate::error::SampleError;
use crate::sampler::{GridRule, Jump, Sampler, StepInfo, Trajectory};

/// Bogacki-Shampine.
pub static RK23: SamplerEntry = SamplerEntry {
    name: "rk23",
    about: "Adaptive Runge-Kutta 3(2) on the probability-flow ODE, to a tolerance",
    order: None,
    takes: &[SamplerOption::OdeVariable, SamplerOption::Tolerance],
    grid: GridRule::Own,
    build: |options| boxed(AdaptiveRungeKutta::rk23(), options),
};

/// Dormand-Prince.
pub static RK45: SamplerEntry = SamplerEntry {
    name: "rk45",
    about: "Adaptive Runge-Kutta 5(4) on the probability-flow ODE (Song et al. 2021's choice)",
    order: None,
    takes: &[SamplerOption::OdeVariable, SamplerOption::Tolerance],
    grid: GridRule::Own,
    build: |options| boxed(AdaptiveRungeKutta::rk45(), options),
};

/// Two methods that share their stages. Both are first same as last: the last stage is at the
/// step's own result.
#[derive(Debug)]
struct EmbeddedPair {
    name: &'static str,
    /// The stages and the method of the higher order; its weights are the last stage's row.
    tableau: Tableau,
    /// Higher-order weights less lower-order ones, the last stage's included.
    error: &'static [f64],
    /// Of the lower method, plus one: how the error of a step shrinks with its length.
    error_order: f64,
}

/// Bogacki & Shampine 1989, "A 3(2) pair of Runge-Kutta formulas".
static BOGACKI_SHAMPINE: EmbeddedPair = EmbeddedPair {
    name: "rk23",
    tableau: Tableau {
        stages: &[&[0.5], &[0.0, 0.75]],
        weights: &[2.0 / 9.0, 1.0 / 3.0, 4.0 / 9.0],
    },
    error: &[2.0 / 9.0 - 7.0 / 24.0, 1.0 / 3.0 - 0.25, 4.0 / 9.0 - 1.0 / 3.0, -0.125],
    error_order: 3.0,
};

/// Dormand & Prince 1980, "A family of embedded Runge-Kutta formulae".
static DORMAND_PRINCE: EmbeddedPair = EmbeddedPair {
    name: "rk45",
    tableau: Tableau {
        stages: &[
            &[0.2],
            &[3.0 / 40.0, 9.0 / 40.0],
            &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
            &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
            &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
        ],
        weights: &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
    },
    error: &[
        35.0 / 384.0 - 5179.0 / 57600.0,
        0.0,
        500.0 / 1113.0 - 7571.0 / 16695.0,
        125.0 / 192.0 - 393.0 / 640.0,
        92097.0 / 339200.0 - 2187.0 / 6784.0,
        11.0 / 84.0 - 187.0 / 2100.0,
        -1.0 / 40.0,
    ],
    error_order: 5.0,
};

/// As scipy's `solve_ivp`: aim below the tolerance, change the step by no more than this.
const SAFETY: f64 = 0.9;
const SHRINK_MOST: f64 = 0.2;
const GROW_MOST: f64 = 10.0;
/// The first step, as a part of the way.
const FIRST_STEP: f64 = 0.02;
/// A walk of more steps than this does not converge.
const MOST_STEPS: usize = 10_000;

/// Walks from the first point of the grid to the last noisy one in adaptive steps, then
/// takes x0 to the clean image.
#[derive(Clone, Copy, Debug)]
pub struct AdaptiveRungeKutta {
    pair: &'static EmbeddedPair,
    /// The variable it steps in; `None`: `phi`.
    pub variable: Option<OdeVariable>,
    /// The error of a step is kept below this.
    pub tolerance: Tolerance,
    /// Keep x0 in range.
    pub clip: Option<X0Clip>,
}

impl AdaptiveRungeKutta {
    /// Bogacki and Shampine's pair of orders 3 and 2, to an error of 1e-3 a step, without clipping.
    pub fn rk23() -> Self {
        Self::new(&BOGACKI_SHAMPINE)
    }

    /// Dormand and Prince's pair of orders 5 and 4, to an error of 1e-3 a step, without clipping.
    pub fn rk45() -> Self {
        Self::new(&DORMAND_PRINCE)
    }

    fn new(pair: &'static EmbeddedPair) -> Self {
        Self { pair, variable: None, tolerance: Tolerance::default(), clip: None }
    }
}

impl Sampler for AdaptiveRungeKutta {
    fn name(&self) -> &'static str {
        self.pair.name
    }

    fn calls(&self, _: &[TimePoint]) -> Option<usize> {
        None
    }

    fn grid_rule(&self) -> GridRule {
        GridRule::Own
    }

    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError> {
        let noisy: Vec<TimePoint> =
            run.grid.iter().copied().filter(|point| point.level.sigma() > 0.0).collect();
        let (Some(&start), Some(&end)) = (noisy.first(), noisy.last()) else {
            return Ok(run.start);
        };
        let variable = variable_for(Some(self.variable.unwrap_or(OdeVariable::Phi)), &run)?;
        let mut walk = AdaptiveWalk::new(self, variable, &run, start, end)?;
        let mut index = 0;
        while !walk.arrived() {
            if index == MOST_STEPS {
                return Err(SampleError::TooManySteps { sampler: self.pair.name, steps: index });
            }
            let (from, prediction) = (walk.furthest_behind(&run), walk.prediction());
            walk.advance(&run, index)?;
            let jump = Jump { index, from, to: walk.furthest_behind(&run) };
            let (z, done) = (walk.z(), walk.done());
            let prediction = &prediction;
            (run.on_step)(StepInfo { index, num_steps: None, jump, done, z: &z, prediction })?;
            index += 1;
        }
        let z = walk.z();
        if run.grid.last().is_some_and(|last| last.level.sigma() > 0.0) {
            return Ok(z);
        }
        let prediction = &clipped_everywhere(run.predict(z, end)?, self.clip);
        let (z, jump) = (prediction.x0(), Jump { index, from: end, to: TimePoint::CLEAN });
        (run.on_step)(StepInfo { index, num_steps: None, jump, done: 1.0, z: &z, prediction })?;
        Ok(z)
    }
}

/// Where the images of a batch are.
struct AdaptiveWalk<'a> {
    sampler: &'a AdaptiveRungeKutta,
    variable: OdeVariable,
    start: f64,
    end: f64,
    /// One value per image, here and below.
    position: Vec<f64>,
    step: Vec<f64>,
    rejected: Vec<bool>,
    y: Tensor<4>,
    slope: Tensor<4>,
    /// The predicted images at the positions.
    x0: Tensor<4>,
}

impl<'a> AdaptiveWalk<'a> {
    fn new(
        sampler: &'a AdaptiveRungeKutta,
        variable: OdeVariable,
        run: &Trajectory<'_>,
        start: TimePoint,
        end: TimePoint,
    ) -> Result<Self, SampleError> {
        let z = run.start.clone();
        let batch = z.dims()[0];
        let p = clipped_everywhere(run.predict(z.clone(), start)?, sampler.clip);
        let (from, to) = (variable.position(start.level), variable.position(end.level));
        Ok(Self {
            sampler,
            variable,
            start: from,
            end: to,
            position: vec![from; batch],
            step: vec![(to - from) * FIRST_STEP; batch],
            rejected: vec![false; batch],
            y: variable.state(z, &[start.level]),
            slope: variable.slope(&p, &[start.level]),
            x0: p.x0(),
        })
    }

    fn arrived(&self) -> bool {
        self.position.iter().all(|&position| position == self.end)
    }

    /// The part of the way that the slowest image has done.
    fn done(&self) -> f64 {
        let parts =
            self.position.iter().map(|position| (position - self.start) / (self.end - self.start));
        parts.fold(1.0, f64::min)
    }

    /// The point of the slowest image.
    fn furthest_behind(&self, run: &Trajectory<'_>) -> TimePoint {
        let left = |position: &f64| (position - self.end).abs();
        let slowest = self.position.iter().copied().max_by(|a, b| left(a).total_cmp(&left(b)));
        (run.locate)(self.variable.level(slowest.unwrap_or(self.end)))
    }

    /// The network's prediction at the positions.
    fn prediction(&self) -> Prediction {
        let levels = self.levels(&self.position);
        Prediction::new(PredictionType::Sample, self.x0.clone(), self.z(), &levels)
    }

    fn z(&self) -> Tensor<4> {
        self.variable.z(self.y.clone(), &self.levels(&self.position))
    }

    /// Tries a step with every image that has not arrived.
    fn advance(&mut self, run: &Trajectory<'_>, index: usize) -> Result<(), SampleError> {
        let pair = self.sampler.pair;
        let h = self.lengths();
        let lengths = column(h.iter().copied(), &self.y);
        let mut slopes = vec![self.slope.clone()];
        for row in pair.tableau.stages {
            let part: f64 = row.iter().sum();
            let at: Vec<f64> = self.position.iter().zip(&h).map(|(s, h)| s + part * h).collect();
            slopes.push(self.slope_at(run, &advance(&self.y, &slopes, row, &lengths), &at)?.0);
        }
        let next = advance(&self.y, &slopes, pair.tableau.weights, &lengths);
        let at: Vec<f64> =
            self.position.iter().zip(&h).map(|(s, h)| self.toward_end(s + h)).collect();
        let (last, x0) = self.slope_at(run, &next, &at)?;
        slopes.push(last.clone());
        let zero = self.y.zeros_like();
        let errors = self.errors(advance(&zero, &slopes, pair.error, &lengths), &next)?;

        let mut accepted = Vec::with_capacity(errors.len());
        for (image, error) in errors.iter().copied().enumerate() {
            if !error.is_finite() {
                return Err(SampleError::NotFinite { sampler: pair.name, step: index + 1 });
            }
            let accept = error <= 1.0;
            let aim = SAFETY * error.powf(-1.0 / pair.error_order);
            let most = if self.rejected[image] || !accept { 1.0 } else { GROW_MOST };
            self.step[image] = h[image] * aim.clamp(SHRINK_MOST, most);
            self.rejected[image] = !accept;
            if accept {
                self.position[image] = at[image];
            }
            accepted.push(if accept { 1.0 } else { 0.0 });
        }
        let take =
            column(accepted.iter().copied(), &self.y).greater_elem(0.5).expand(self.y.shape());
        self.y = self.y.clone().mask_where(take.clone(), next);
        self.slope = self.slope.clone().mask_where(take.clone(), last);
        self.x0 = self.x0.clone().mask_where(take, x0);
        Ok(())
    }

    /// Every image's next step, no further than the end; 0 where it has arrived.
    fn lengths(&self) -> Vec<f64> {
        let shorter = |step: f64, left: f64| if step.abs() < left.abs() { step } else { left };
        self.position
            .iter()
            .zip(&self.step)
            .map(|(at, &step)| shorter(step, self.end - at))
            .collect()
    }

    /// The end itself where rounding came near it.
    fn toward_end(&self, position: f64) -> f64 {
        let rounding = 1e-12 * (self.end - self.start).abs();
        if (position - self.end).abs() <= rounding { self.end } else { position }
    }

    fn levels(&self, positions: &[f64]) -> Vec<NoiseLevel> {
        positions.iter().map(|&position| self.variable.level(position)).collect()
    }

    /// Slope and predicted image.
    fn slope_at(
        &self,
        run: &Trajectory<'_>,
        y: &Tensor<4>,
        positions: &[f64],
    ) -> Result<(Tensor<4>, Tensor<4>), SampleError> {
        let levels = self.levels(positions);
        let points: Vec<TimePoint> = levels.iter().map(|&level| (run.locate)(level)).collect();
        let z = self.variable.z(y.clone(), &levels);
        let p = clipped_everywhere(run.predict_each(z, &points)?, self.sampler.clip);
        Ok((self.variable.slope(&p, &levels), p.x0()))
    }

    /// Root mean square of the error in units of the tolerance, one value per image.
    fn errors(&self, error: Tensor<4>, next: &Tensor<4>) -> Result<Vec<f64>, SampleError> {
        let Tolerance { relative, absolute } = self.sampler.tolerance;
        let size = self.y.clone().abs().max_pair(next.clone().abs());
        let [batch, c, h, w] = error.dims();
        let squares = (error / (size * relative + absolute)).powi_scalar(2);
        let means = squares.reshape([batch, c * h * w]).mean_dim(1);
        let data = means.try_into_data().map_err(SampleError::device)?;
        Ok(data.iter::<f64>().map(f64::sqrt).collect())
    }
}

fn boxed(
    sampler: AdaptiveRungeKutta,
    options: &SamplerOptions,
) -> Result<Box<dyn Sampler>, SampleError> {
    let SamplerOptions { variable, tolerance, clip, .. } = *options;
    Ok(Box::new(AdaptiveRungeKutta { variable, tolerance, clip, ..sampler }))
}
