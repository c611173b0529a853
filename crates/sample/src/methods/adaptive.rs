//! Embedded Runge-Kutta pairs that choose their own steps: Bogacki-Shampine 3(2) and
//! Dormand-Prince 5(4), known as RK23 and RK45.
//!
//! Every image has steps of its own: its error decides nothing about its neighbours in the batch,
//! so an image is the same in any batch. Images that have arrived wait for the others.

use burn::tensor::Tensor;
use halfstep_core::{NoiseLevel, Prediction, TimePoint, X0Clip, column};

use crate::error::SampleError;
use crate::methods::options::{SamplerOptions, Tolerance, clipped_everywhere};
use crate::methods::runge_kutta::{OdeVariable, Tableau, advance, variable_for};
use crate::registry::{GridRule, SamplerEntry, Takes};
use crate::sampler::{Sampler, StepInfo, Trajectory};

/// Bogacki-Shampine.
pub static RK23: SamplerEntry = SamplerEntry {
    name: "rk23",
    about: "Adaptive Runge-Kutta 3(2) on the probability-flow ODE, to --rtol and --atol",
    order: None,
    takes: &[Takes::OdeVariable, Takes::Tolerance],
    grid: GridRule::Own,
    build: |options| boxed(&BOGACKI_SHAMPINE, options),
};

/// Dormand-Prince.
pub static RK45: SamplerEntry = SamplerEntry {
    name: "rk45",
    about: "Adaptive Runge-Kutta 5(4) on the probability-flow ODE (Song et al. 2021's choice)",
    order: None,
    takes: &[Takes::OdeVariable, Takes::Tolerance],
    grid: GridRule::Own,
    build: |options| boxed(&DORMAND_PRINCE, options),
};

/// Two methods that share their stages. Both are first same as last: the last stage is at the
/// step's own result.
#[derive(Debug)]
struct Pair {
    name: &'static str,
    /// The stages and the method of the higher order; its weights are the last stage's row.
    tableau: Tableau,
    /// Higher-order weights less lower-order ones, the last stage's included.
    error: &'static [f64],
    /// Of the lower method, plus one: how the error of a step shrinks with its length.
    error_order: f64,
}

/// Bogacki & Shampine 1989, "A 3(2) pair of Runge-Kutta formulas".
static BOGACKI_SHAMPINE: Pair = Pair {
    name: "rk23",
    tableau: Tableau {
        stages: &[&[0.5], &[0.0, 0.75]],
        weights: &[2.0 / 9.0, 1.0 / 3.0, 4.0 / 9.0],
    },
    error: &[2.0 / 9.0 - 7.0 / 24.0, 1.0 / 3.0 - 0.25, 4.0 / 9.0 - 1.0 / 3.0, -0.125],
    error_order: 3.0,
};

/// Dormand & Prince 1980, "A family of embedded Runge-Kutta formulae".
static DORMAND_PRINCE: Pair = Pair {
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
/// A way of more steps than this is going nowhere.
const MOST_STEPS: usize = 10_000;

/// Walks from the first point of the grid to the last noisy one in steps of its own choice, then
/// takes x0 to the clean image.
#[derive(Clone, Copy, Debug)]
pub struct Adaptive {
    pair: &'static Pair,
    /// What it steps in; `None`: `phi`.
    pub variable: Option<OdeVariable>,
    /// What the error of a step is kept below.
    pub tolerance: Tolerance,
    /// Keep x0 in range.
    pub clip: Option<X0Clip>,
}

impl Sampler for Adaptive {
    fn name(&self) -> &'static str {
        self.pair.name
    }

    fn calls(&self, _: &[TimePoint]) -> Option<usize> {
        None
    }

    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError> {
        let noisy: Vec<TimePoint> =
            run.grid.iter().copied().filter(|point| point.level.sigma() > 0.0).collect();
        let (Some(&start), Some(&end)) = (noisy.first(), noisy.last()) else {
            return Ok(run.start);
        };
        let variable = variable_for(Some(self.variable.unwrap_or(OdeVariable::Phi)), &run)?;
        let mut walk = Walk::new(self, variable, &run, start, end)?;
        let mut step = 0;
        while !walk.arrived() {
            if step == MOST_STEPS {
                return Err(SampleError::TooManySteps { sampler: self.pair.name, steps: step });
            }
            step += 1;
            walk.advance(&run, step)?;
            let z = walk.z();
            (run.on_step)(StepInfo { step, num_steps: None, done: walk.done(), z: &z })?;
        }
        let z = walk.z();
        if run.grid.last().is_some_and(|last| last.level.sigma() > 0.0) {
            return Ok(z);
        }
        let z = clipped_everywhere(run.predict(z, end)?, self.clip).x0();
        (run.on_step)(StepInfo { step: step + 1, num_steps: None, done: 1.0, z: &z })?;
        Ok(z)
    }
}

/// Where the images of a batch are.
struct Walk<'a> {
    sampler: &'a Adaptive,
    variable: OdeVariable,
    start: f64,
    end: f64,
    /// One of each an image.
    position: Vec<f64>,
    step: Vec<f64>,
    rejected: Vec<bool>,
    y: Tensor<4>,
    slope: Tensor<4>,
}

impl<'a> Walk<'a> {
    fn new(
        sampler: &'a Adaptive,
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

    fn z(&self) -> Tensor<4> {
        self.variable.z(self.y.clone(), &self.levels(&self.position))
    }

    /// Tries a step with every image that has not arrived.
    fn advance(&mut self, run: &Trajectory<'_>, step: usize) -> Result<(), SampleError> {
        let pair = self.sampler.pair;
        let h = self.lengths();
        let lengths = column(h.iter().copied(), &self.y);
        let mut slopes = vec![self.slope.clone()];
        for row in pair.tableau.stages {
            let part: f64 = row.iter().sum();
            let at: Vec<f64> = self.position.iter().zip(&h).map(|(s, h)| s + part * h).collect();
            slopes.push(self.slope_at(run, &advance(&self.y, &slopes, row, &lengths), &at)?);
        }
        let next = advance(&self.y, &slopes, pair.tableau.weights, &lengths);
        let at: Vec<f64> =
            self.position.iter().zip(&h).map(|(s, h)| self.toward_end(s + h)).collect();
        slopes.push(self.slope_at(run, &next, &at)?);
        let zero = self.y.zeros_like();
        let errors = self.errors(advance(&zero, &slopes, pair.error, &lengths), &next)?;

        let mut accepted = Vec::with_capacity(errors.len());
        for (image, error) in errors.iter().copied().enumerate() {
            if !error.is_finite() {
                return Err(SampleError::NotFinite { sampler: pair.name, step });
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
        let last = slopes.swap_remove(slopes.len() - 1);
        self.y = self.y.clone().mask_where(take.clone(), next);
        self.slope = self.slope.clone().mask_where(take, last);
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

    fn slope_at(
        &self,
        run: &Trajectory<'_>,
        y: &Tensor<4>,
        positions: &[f64],
    ) -> Result<Tensor<4>, SampleError> {
        let levels = self.levels(positions);
        let points: Vec<TimePoint> = levels.iter().map(|&level| (run.locate)(level)).collect();
        let z = self.variable.z(y.clone(), &levels);
        let p: Prediction = run.predict_each(z, &points)?;
        Ok(self.variable.slope(&clipped_everywhere(p, self.sampler.clip), &levels))
    }

    /// Root mean square of the error in units of the tolerance, one an image.
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

fn boxed(pair: &'static Pair, options: &SamplerOptions) -> Result<Box<dyn Sampler>, SampleError> {
    let SamplerOptions { variable, tolerance, clip, .. } = *options;
    Ok(Box::new(Adaptive { pair, variable, tolerance, clip }))
}
