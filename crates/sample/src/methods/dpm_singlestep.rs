//! DPM-Solver singlestep (Lu et al. 2022, <https://arxiv.org/abs/2206.00927>, algorithms 1 and 2 and
//! appendix D) and DPM-Solver++ singlestep (<https://arxiv.org/abs/2211.01095>, algorithm 1): one, two
//! or three network calls a step.

use burn::tensor::Tensor;
use halfstep_core::{NoiseLevel, Prediction, TimePoint, X0Clip};

use super::clip::clipped_everywhere;
use super::entry::SamplerEntry;
use super::exponential::{Correction, Node, SolverForm};
use super::options::SamplerOptions;
use crate::error::SampleError;
use crate::sampler::{GridRule, Jump, Sampler, Trajectory, calls_of, walk};

/// DPM-Solver-1.
pub static FIRST: SamplerEntry = SamplerEntry {
    name: "dpm-solver-1",
    about: "DPM-Solver-1 (Lu et al. 2022): DDIM",
    order: Some(1),
    takes: &[],
    grid: GridRule::Any,
    build: |options| boxed(DpmSinglestep::noise(1), options),
};

/// DPM-Solver-2.
pub static SECOND: SamplerEntry = SamplerEntry {
    name: "dpm-solver-2",
    about: "DPM-Solver-2 singlestep (Lu et al. 2022), k-diffusion's dpm_2: two calls a step",
    order: Some(2),
    takes: &[],
    grid: GridRule::Any,
    build: |options| boxed(DpmSinglestep::noise(2), options),
};

/// DPM-Solver-3.
pub static THIRD: SamplerEntry = SamplerEntry {
    name: "dpm-solver-3",
    about: "DPM-Solver-3 singlestep (Lu et al. 2022): three calls a step",
    order: Some(3),
    takes: &[],
    grid: GridRule::Any,
    build: |options| boxed(DpmSinglestep::noise(3), options),
};

/// DPM-Solver++(2S).
pub static SECOND_DATA: SamplerEntry = SamplerEntry {
    name: "dpm-solver++-2s",
    about: "DPM-Solver++ singlestep of order 2 (Lu et al. 2022): two calls a step",
    order: Some(2),
    takes: &[],
    grid: GridRule::Any,
    build: |options| boxed(DpmSinglestep::new(2), options),
};

/// DPM-Solver++(3S), which diffusers has too.
pub static THIRD_DATA: SamplerEntry = SamplerEntry {
    name: "dpm-solver++-3s",
    about: "DPM-Solver++ singlestep of order 3, DPM-Solver-3 in x0: three calls a step",
    order: Some(3),
    takes: &[],
    grid: GridRule::Any,
    build: |options| boxed(DpmSinglestep::new(3), options),
};

/// DPM-Solver-fast.
pub static FAST: SamplerEntry = SamplerEntry {
    name: "dpm-solver-fast",
    about: "DPM-Solver-fast (Lu et al. 2022): orders 3, 2 and 1; its steps are network calls",
    order: None,
    takes: &[],
    grid: GridRule::Budget,
    build: |options| boxed(DpmSinglestep::fast(options.num_steps), options),
};

/// The order of every step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepOrders {
    /// The same for all.
    Constant(usize),
    /// K = calls / 3 + 1 steps: 3, ..., 3, 2, 1, or 3, ..., 3, 1, or 3, ..., 3, 2 (appendix D.3), so
    /// that the calls are used up exactly.
    Budget(usize),
}

/// One, two or three calls a step, at the start, half way, or one and two thirds of the way in
/// lambda. The step to the clean image is x0, and a step from pure noise is of order 1: lambda is
/// infinite there, and nothing lies half way.
#[derive(Clone, Copy, Debug)]
pub struct DpmSinglestep {
    /// Its short name.
    pub name: &'static str,
    /// Which equation; not an SDE.
    pub form: SolverForm,
    /// The order of every step.
    pub orders: StepOrders,
    /// Of the last update of each step.
    pub correction: Correction,
    /// Keep x0 in range.
    pub clip: Option<X0Clip>,
}

impl DpmSinglestep {
    /// DPM-Solver++ singlestep of order 2 or 3: that many calls a step, without clipping.
    ///
    /// # Panics
    /// For other orders; order 1 is [`DpmMultistep::new(1)`](super::DpmMultistep::new).
    pub fn new(order: usize) -> Self {
        let name = match order {
            2 => SECOND_DATA.name,
            3 => THIRD_DATA.name,
            _ => panic!("DPM-Solver++ singlestep has orders 2 and 3, not {order}"),
        };
        Self::constant(name, SolverForm::Data, order)
    }

    /// DPM-Solver of order 1, 2 or 3, which is made of eps: it divides by alpha and cannot start at pure noise.
    ///
    /// # Panics
    /// For other orders.
    pub fn noise(order: usize) -> Self {
        let name = match order {
            1 => FIRST.name,
            2 => SECOND.name,
            3 => THIRD.name,
            _ => panic!("DPM-Solver has orders 1, 2 and 3, not {order}"),
        };
        Self::constant(name, SolverForm::Noise, order)
    }

    /// DPM-Solver-fast: `calls` network calls in all, on a grid of `calls / 3 + 1` steps.
    pub fn fast(calls: usize) -> Self {
        let orders = StepOrders::Budget(calls);
        Self { name: FAST.name, orders, ..Self::noise(1) }
    }

    fn constant(name: &'static str, form: SolverForm, order: usize) -> Self {
        let (orders, correction) = (StepOrders::Constant(order), Correction::Midpoint);
        Self { name, form, orders, correction, clip: None }
    }

    fn predict(
        &self,
        run: &Trajectory<'_>,
        z: Tensor<4>,
        at: TimePoint,
    ) -> Result<Prediction, SampleError> {
        Ok(clipped_everywhere(run.predict(z, at)?, self.clip))
    }

    /// One step, whose calls after the first are between the grid's points.
    fn step(
        &self,
        run: &Trajectory<'_>,
        z: Tensor<4>,
        jump: Jump,
        order: usize,
    ) -> Result<(Tensor<4>, Prediction), SampleError> {
        let first = self.predict(run, z.clone(), jump.from)?;
        if jump.is_final() {
            return Ok((first.x0(), first));
        }
        let next = self.step_from(self.form.value(&first), run, z, jump, order)?;
        Ok((next, first))
    }

    /// The same from the first prediction's value, for a jump that is not to a clean image.
    pub(super) fn step_from(
        &self,
        first: Tensor<4>,
        run: &Trajectory<'_>,
        z: Tensor<4>,
        jump: Jump,
        order: usize,
    ) -> Result<Tensor<4>, SampleError> {
        let (start, end) = (jump.from.level, jump.to.level);
        let mut nodes = vec![Node { level: start, value: first }];
        let order = if start.alpha() == 0.0 { 1 } else { order };
        for k in 1..order {
            let part = k as f64 / order as f64;
            let log_snr = start.log_snr() + part * (end.log_snr() - start.log_snr());
            let at = (run.locate)(NoiseLevel::from_log_snr(log_snr));
            // Only the last update of a step may be of the other kind.
            let stage = singlestep_update(self.form, Correction::Heun, z.clone(), at.level, &nodes);
            let value = self.form.value(&self.predict(run, stage, at)?);
            nodes.push(Node { level: at.level, value });
        }
        Ok(singlestep_update(self.form, self.correction, z, end, &nodes))
    }
}

impl Sampler for DpmSinglestep {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_ddim(&self) -> bool {
        self.orders == StepOrders::Constant(1)
    }

    fn calls(&self, grid: &[TimePoint]) -> Option<usize> {
        Some(match self.orders {
            StepOrders::Constant(order) => {
                let unsplit = match grid {
                    [start, end, ..] if start.level.alpha() == 0.0 && end.level.sigma() > 0.0 => 1,
                    _ => 0,
                };
                calls_of(order, grid) - unsplit * (order - 1)
            }
            StepOrders::Budget(calls) => calls,
        })
    }

    fn grid_rule(&self) -> GridRule {
        match self.orders {
            StepOrders::Constant(_) => GridRule::Any,
            StepOrders::Budget(_) => GridRule::Budget,
        }
    }

    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError> {
        if self.form.needs_signal() {
            run.needs_signal(self.name, "lambda")?;
        }
        let orders = self.orders.of_steps(run.grid.len().saturating_sub(1));
        walk(run, |run, z, jump| self.step(run, z, jump, orders[jump.index]))
    }
}

/// z at `to`, from z at the first node and the predictions at all nodes.
pub(crate) fn singlestep_update(
    form: SolverForm,
    correction: Correction,
    z: Tensor<4>,
    to: NoiseLevel,
    nodes: &[Node],
) -> Tensor<4> {
    let (from, d0) = (nodes[0].level, nodes[0].value.clone());
    let step = form.step(from, to);
    let h = to.lambda() - from.lambda();
    let part = |k: usize| (nodes[k].level.lambda() - from.lambda()) / h;
    let slope = |k: usize| (nodes[k].value.clone() - d0.clone()) / part(k);
    let first = step.first(z, d0.clone());
    match (nodes.len(), correction) {
        (1, _) => first,
        (2, correction) => first + step.second(slope(1), correction),
        // At two thirds of the way the last slope alone is enough for order 3.
        (_, Correction::Midpoint) => first + step.second(slope(2), Correction::Heun),
        (_, Correction::Heun) => {
            let (near, far) = (part(1), part(2));
            let d1 = (slope(1) * far - slope(2) * near) / (far - near);
            let d2 = (slope(2) - slope(1)) * (2.0 / (far - near));
            first + step.second(d1, Correction::Heun) + step.third(d2)
        }
    }
}

impl StepOrders {
    /// One order for each step.
    fn of_steps(self, num_steps: usize) -> Vec<usize> {
        match self {
            Self::Constant(order) => vec![order; num_steps],
            Self::Budget(calls) => {
                let mut orders = vec![3; num_steps];
                let ends: &[usize] = match calls % 3 {
                    0 => &[2, 1],
                    1 => &[1],
                    _ => &[2],
                };
                for (order, &end) in orders.iter_mut().rev().zip(ends.iter().rev()) {
                    *order = end;
                }
                orders
            }
        }
    }
}

fn boxed(
    sampler: DpmSinglestep,
    options: &SamplerOptions,
) -> Result<Box<dyn Sampler>, SampleError> {
    Ok(Box::new(DpmSinglestep { clip: options.clip, ..sampler }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_used_up_exactly() {
        assert_eq!(StepOrders::Budget(9).of_steps(4), [3, 3, 2, 1]);
        assert_eq!(StepOrders::Budget(10).of_steps(4), [3, 3, 3, 1]);
        assert_eq!(StepOrders::Budget(11).of_steps(4), [3, 3, 3, 2]);
        assert_eq!(StepOrders::Budget(1).of_steps(1), [1]);
        assert_eq!(StepOrders::Budget(2).of_steps(1), [2]);
        assert_eq!(StepOrders::Budget(3).of_steps(2), [2, 1]);
        for calls in 1..40 {
            assert_eq!(
                StepOrders::Budget(calls).of_steps(calls / 3 + 1).iter().sum::<usize>(),
                calls
            );
        }
    }
}
