//! DPM-Solver singlestep (Lu et al. 2022, <https://arxiv.org/abs/2206.00927>, algorithms 1 and 2 and
//! appendix D) and DPM-Solver++ singlestep (<https://arxiv.org/abs/2211.01095>, algorithm 1): one, two
//! or three network calls a step.

use burn::tensor::Tensor;
use halfstep_core::{NoiseLevel, TimePoint, X0Clip};

use crate::error::SampleError;
use crate::methods::exponential::{Correction, Form};
use crate::methods::options::{SamplerOptions, clipped_everywhere};
use crate::registry::{GridRule, SamplerEntry, Takes};
use crate::sampler::{Jump, Sampler, Trajectory, calls_of, walk};

/// DPM-Solver-1.
pub static FIRST: SamplerEntry = SamplerEntry {
    name: "dpm-solver-1",
    about: "DPM-Solver-1 (Lu et al. 2022): DDIM",
    order: Some(1),
    takes: &[],
    grid: GridRule::Any,
    build: |options| boxed("dpm-solver-1", Form::Noise, Plan::Constant(1), options),
};

/// DPM-Solver-2.
pub static SECOND: SamplerEntry = SamplerEntry {
    name: "dpm-solver-2",
    about: "DPM-Solver-2 singlestep (Lu et al. 2022), k-diffusion's dpm_2: two calls a step",
    order: Some(2),
    takes: &[Takes::Diffusers],
    grid: GridRule::Any,
    build: |options| boxed("dpm-solver-2", Form::Noise, Plan::Constant(2), options),
};

/// DPM-Solver-3.
pub static THIRD: SamplerEntry = SamplerEntry {
    name: "dpm-solver-3",
    about: "DPM-Solver-3 singlestep (Lu et al. 2022): three calls a step",
    order: Some(3),
    takes: &[Takes::Diffusers],
    grid: GridRule::Any,
    build: |options| boxed("dpm-solver-3", Form::Noise, Plan::Constant(3), options),
};

/// DPM-Solver++(2S).
pub static SECOND_DATA: SamplerEntry = SamplerEntry {
    name: "dpm-solver++-2s",
    about: "DPM-Solver++ singlestep of order 2 (Lu et al. 2022): two calls a step",
    order: Some(2),
    takes: &[Takes::Diffusers],
    grid: GridRule::Any,
    build: |options| boxed("dpm-solver++-2s", Form::Data, Plan::Constant(2), options),
};

/// DPM-Solver++ singlestep of order 3, which diffusers has too.
pub static THIRD_DATA: SamplerEntry = SamplerEntry {
    name: "dpm-solver++-3s",
    about: "DPM-Solver++ singlestep of order 3, DPM-Solver-3 in x0: three calls a step",
    order: Some(3),
    takes: &[Takes::Diffusers],
    grid: GridRule::Any,
    build: |options| boxed("dpm-solver++-3s", Form::Data, Plan::Constant(3), options),
};

/// DPM-Solver-fast.
pub static FAST: SamplerEntry = SamplerEntry {
    name: "dpm-solver-fast",
    about: "DPM-Solver-fast (Lu et al. 2022): orders 3, 2 and 1 in exactly --steps network calls",
    order: None,
    takes: &[],
    grid: GridRule::Budget,
    build: |options| {
        boxed("dpm-solver-fast", Form::Noise, Plan::Budget(options.num_steps), options)
    },
};

/// The order of every step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The same for all.
    Constant(usize),
    /// K = calls / 3 + 1 steps: 3, ..., 3, 2, 1, or 3, ..., 3, 1, or 3, ..., 3, 2 (appendix D.3), so
    /// that the calls are used up exactly.
    Budget(usize),
    /// diffusers' singlestep scheduler of this order: the intermediate calls of a step are the
    /// grid's own next points, and its orders run 1, 2, 3, 1, 2, 3, ... to count calls.
    Diffusers(usize),
}

/// One, two or three calls a step, at the start, half way, or one and two thirds of the way in
/// lambda. The step to the clean image is x0, and a step from pure noise is of order 1: lambda is
/// infinite there, and nothing lies half way.
#[derive(Clone, Copy, Debug)]
pub struct DpmSinglestep {
    /// On the command line.
    pub name: &'static str,
    /// Which equation; not an SDE.
    pub form: Form,
    /// The order of every step.
    pub plan: Plan,
    /// Of the last update of each step.
    pub correction: Correction,
    /// Keep x0 in range.
    pub clip: Option<X0Clip>,
}

impl Sampler for DpmSinglestep {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_ddim(&self) -> bool {
        self.plan == Plan::Constant(1)
    }

    fn calls(&self, grid: &[TimePoint]) -> Option<usize> {
        Some(match self.plan {
            Plan::Constant(order) => {
                let unsplit = match grid {
                    [start, end, ..] if start.level.alpha() == 0.0 && end.level.sigma() > 0.0 => 1,
                    _ => 0,
                };
                calls_of(order, grid) - unsplit * (order - 1)
            }
            Plan::Budget(calls) => calls,
            Plan::Diffusers(_) => grid.len().saturating_sub(1),
        })
    }

    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError> {
        if self.form.needs_signal() {
            run.needs_signal("lambda is infinite")?;
        }
        match self.plan {
            Plan::Diffusers(order) => self.along_the_grid(run, order),
            _ => {
                let orders = self.plan.orders(run.grid.len().saturating_sub(1));
                walk(run, |run, z, jump| self.step(run, z, jump, orders[jump.index]))
            }
        }
    }
}

impl DpmSinglestep {
    /// One step with calls of its own between the grid's points.
    fn step(
        &self,
        run: &Trajectory<'_>,
        z: Tensor<4>,
        jump: Jump,
        order: usize,
    ) -> Result<Tensor<4>, SampleError> {
        if jump.is_final() {
            return Ok(clipped_everywhere(run.predict(z, jump.from)?, self.clip).x0());
        }
        let first = self.ask(run, z.clone(), jump.from)?;
        self.step_from(first, run, z, jump, order)
    }

    /// The same with the network's answer at the start of the jump, which is not to a clean image.
    pub(super) fn step_from(
        &self,
        first: Tensor<4>,
        run: &Trajectory<'_>,
        z: Tensor<4>,
        jump: Jump,
        order: usize,
    ) -> Result<Tensor<4>, SampleError> {
        let (start, end) = (jump.from.level, jump.to.level);
        let mut nodes = vec![(start, first)];
        let order = if start.alpha() == 0.0 { 1 } else { order };
        for k in 1..order {
            let part = k as f64 / order as f64;
            let log_snr = start.log_snr() + part * (end.log_snr() - start.log_snr());
            let at = (run.locate)(NoiseLevel::from_log_snr(log_snr));
            // Only the last update of a step may be of the other kind.
            let stage = self.update(z.clone(), at.level, &nodes, Correction::Heun);
            nodes.push((at.level, self.ask(run, stage, at)?));
        }
        Ok(self.update(z, end, &nodes, self.correction))
    }

    /// Steps whose intermediate calls are the grid's own points.
    fn along_the_grid(&self, run: Trajectory<'_>, order: usize) -> Result<Tensor<4>, SampleError> {
        let clean = run.grid.last().is_some_and(|end| end.level.sigma() == 0.0);
        let orders = diffusers_orders(order, run.grid.len().saturating_sub(1), clean);
        let mut start = run.start.clone();
        let mut nodes = Vec::new();
        walk(run, |run, z, jump| {
            if orders[jump.index] == 1 {
                start = z.clone();
                nodes.clear();
            }
            if jump.is_final() {
                return Ok(clipped_everywhere(run.predict(z, jump.from)?, self.clip).x0());
            }
            nodes.push((jump.from.level, self.ask(run, z, jump.from)?));
            Ok(self.update(start.clone(), jump.to.level, &nodes, self.correction))
        })
    }

    /// z at `to`, from z at the first node and the answers at all nodes.
    fn update(
        &self,
        z: Tensor<4>,
        to: NoiseLevel,
        nodes: &[(NoiseLevel, Tensor<4>)],
        correction: Correction,
    ) -> Tensor<4> {
        let (from, d0) = (nodes[0].0, nodes[0].1.clone());
        let step = self.form.step(from, to);
        let h = to.lambda() - from.lambda();
        let part = |k: usize| (nodes[k].0.lambda() - from.lambda()) / h;
        let slope = |k: usize| (nodes[k].1.clone() - d0.clone()) / part(k);
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

    fn ask(
        &self,
        run: &Trajectory<'_>,
        z: Tensor<4>,
        at: TimePoint,
    ) -> Result<Tensor<4>, SampleError> {
        Ok(self.form.answer(&clipped_everywhere(run.predict(z, at)?, self.clip)))
    }
}

impl Plan {
    fn orders(self, num_steps: usize) -> Vec<usize> {
        match self {
            Self::Constant(order) | Self::Diffusers(order) => vec![order; num_steps],
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

/// diffusers' `get_order_list` with `lower_order_final`.
fn diffusers_orders(order: usize, num_steps: usize, ends_clean: bool) -> Vec<usize> {
    let mut orders: Vec<usize> = (0..num_steps).map(|index| index % order + 1).collect();
    let short_end: &[usize] = match (order, num_steps % order) {
        (3, 0) => &[1, 2, 1],
        (2, 0) => &[1, 1],
        _ => &[],
    };
    for (order, &end) in orders.iter_mut().rev().zip(short_end.iter().rev()) {
        *order = end;
    }
    if let Some(last) = orders.last_mut().filter(|_| ends_clean) {
        *last = 1;
    }
    orders
}

fn boxed(
    name: &'static str,
    form: Form,
    plan: Plan,
    options: &SamplerOptions,
) -> Result<Box<dyn Sampler>, SampleError> {
    let plan = match (plan, &options.diffusers) {
        (Plan::Constant(order), Some(_)) => Plan::Diffusers(order),
        (plan, _) => plan,
    };
    let correction = Correction::Midpoint;
    Ok(Box::new(DpmSinglestep { name, form, plan, correction, clip: options.clip }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_used_up_exactly() {
        assert_eq!(Plan::Budget(9).orders(4), [3, 3, 2, 1]);
        assert_eq!(Plan::Budget(10).orders(4), [3, 3, 3, 1]);
        assert_eq!(Plan::Budget(11).orders(4), [3, 3, 3, 2]);
        assert_eq!(Plan::Budget(1).orders(1), [1]);
        assert_eq!(Plan::Budget(2).orders(1), [2]);
        assert_eq!(Plan::Budget(3).orders(2), [2, 1]);
        for calls in 1..40 {
            assert_eq!(Plan::Budget(calls).orders(calls / 3 + 1).iter().sum::<usize>(), calls);
        }
    }

    #[test]
    fn orders_are_diffusers() {
        assert_eq!(diffusers_orders(3, 9, false), [1, 2, 3, 1, 2, 3, 1, 2, 1]);
        assert_eq!(diffusers_orders(3, 10, false), [1, 2, 3, 1, 2, 3, 1, 2, 3, 1]);
        assert_eq!(diffusers_orders(3, 8, true), [1, 2, 3, 1, 2, 3, 1, 1]);
        assert_eq!(diffusers_orders(2, 10, false), [1, 2, 1, 2, 1, 2, 1, 2, 1, 1]);
        assert_eq!(diffusers_orders(2, 5, false), [1, 2, 1, 2, 1]);
    }
}
