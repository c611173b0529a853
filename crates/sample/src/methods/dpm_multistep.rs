//! DPM-Solver++ multistep (Lu et al. 2022, <https://arxiv.org/abs/2211.01095>, algorithm 2, and its
//! appendix for the SDE and for order 3): one network call a step, the derivatives from the steps
//! before.
//!
//! # Long steps
//!
//! The difference of two predictions is a derivative of x0 by lambda over distances on which x0 is nearly
//! a line. A long step extrapolates it further: the step into t = 0 of a linspace grid is several
//! times as long as the one before, and the published method multiplies the difference of the predictions
//! by that ratio, which leaves noise in the image. [`DpmMultistep::eased`] holds it back;
//! `tests/suite/easing.rs` measures what that changes.

use burn::tensor::Tensor;
use halfstep_core::{NoiseLevel, TimePoint, X0Clip};

use super::dpm_singlestep::{DpmSinglestep, StepOrders};
use super::entry::SamplerEntry;
use super::exponential::{Correction, Node, SolverForm};
use super::multistep::{Extrapolation, multistep_update, order_of_step, walk_multistep};
use super::options::SamplerOptions;
use crate::error::SampleError;
use crate::sampler::{Family, GridRule, Jump, Sampler, Trajectory};

/// DPM-Solver++(1M).
pub static FIRST: SamplerEntry = SamplerEntry {
    name: "dpm-solver++-1",
    about: "DPM-Solver++ of order 1 (Lu et al. 2022); the same steps as DDIM",
    order: Some(1),
    takes: &[],
    grid: GridRule::Multistep,
    build: |options| boxed(DpmMultistep::new(1), options),
};

/// DPM-Solver++(2M).
pub static SECOND: SamplerEntry = SamplerEntry {
    name: "dpm-solver++-2m",
    about: "DPM-Solver++ multistep of order 2 (Lu et al. 2022); try this first",
    order: Some(2),
    takes: &[],
    grid: GridRule::Multistep,
    build: |options| boxed(DpmMultistep::new(2), options),
};

/// DPM-Solver++(3M).
pub static THIRD: SamplerEntry = SamplerEntry {
    name: "dpm-solver++-3m",
    about: "DPM-Solver++ multistep of order 3 (Lu et al. 2022); order 2 if it starts at pure noise",
    order: Some(3),
    takes: &[],
    grid: GridRule::Multistep,
    build: |options| boxed(DpmMultistep::new(3), options),
};

/// SDE-DPM-Solver++(2M).
pub static SECOND_SDE: SamplerEntry = SamplerEntry {
    name: "dpm-solver++-2m-sde",
    about: "SDE-DPM-Solver++ multistep of order 2 (Lu et al. 2022), fresh noise in every step",
    order: None,
    takes: &[],
    grid: GridRule::Multistep,
    build: |options| boxed(DpmMultistep::sde(), options),
};

/// Steps longer than this in lambda are held back by [`DpmMultistep::eased`]: the signal-to-noise ratio grows by
/// a factor of 9.5. Order 3 gains by steps of 1.11 in 5 steps of linear betas, and oscillates from a step of 1.15
/// on in 15 steps of a Karras grid.
const LONG_STEP: f64 = 1.125;

/// The distance in lambda that is assumed between the prediction at pure noise and the next one. Where there is
/// little signal, x0 differs from the mean, which is the prediction at pure noise, by a gain that grows with
/// alpha / sigma = e^lambda: the derivative by lambda is the difference itself.
const FROM_PURE_NOISE: f64 = 1.0;

/// One network call a step; the derivatives by lambda come from the predictions of earlier steps.
#[derive(Clone, Copy, Debug)]
pub struct DpmMultistep {
    /// Its short name.
    pub name: &'static str,
    /// Which equation.
    pub form: SolverForm,
    /// 1, 2 or 3.
    pub order: usize,
    /// Of second-order updates.
    pub correction: Correction,
    /// Ends a grid of fewer than 15 steps with orders 2 and 1: steadier, not more exact.
    pub lower_order_final: bool,
    /// Departs from the published method where that is not made for the grid; the order of
    /// convergence stays what it is.
    /// - A step longer than 1.125 in lambda is of order 2 at most, with a derivative that is not
    ///   extrapolated further than the step before, and less far than that over a step more than twice
    ///   as long; a first one is of order 1.
    /// - The second step from pure noise has a derivative too, where the published one is of order 1:
    ///   the distance in lambda is infinite.
    /// - Order 3 takes half of the second derivative over steps longer than 0.1, and all of it in the
    ///   limit: of a few steps, half is nearer.
    pub eased: bool,
    /// Keep x0 in range.
    pub clip: Option<X0Clip>,
}

impl DpmMultistep {
    /// DPM-Solver++ multistep of order 1, 2 or 3, held back over long steps ([`DpmMultistep::eased`]), without
    /// clipping.
    ///
    /// # Panics
    /// For other orders.
    pub fn new(order: usize) -> Self {
        let name = match order {
            1 => FIRST.name,
            2 => SECOND.name,
            3 => THIRD.name,
            _ => panic!("DPM-Solver++ multistep has orders 1, 2 and 3, not {order}"),
        };
        Self {
            name,
            form: SolverForm::Data,
            order,
            correction: Correction::Midpoint,
            lower_order_final: true,
            eased: true,
            clip: None,
        }
    }

    /// SDE-DPM-Solver++ multistep of order 2: fresh noise in every step.
    pub fn sde() -> Self {
        Self { name: SECOND_SDE.name, form: SolverForm::DataSde, ..Self::new(2) }
    }

    /// A first step of order 1 would leave an error of order 2 for good. From pure noise there is no
    /// midpoint in lambda, and the order is 2 in any case: lambda's steps do not get shorter there.
    fn warms_up(&self, jump: Jump) -> bool {
        let finite = jump.from.level.alpha() > 0.0 && !jump.is_final();
        jump.index == 0 && self.order == 3 && finite && !self.is_held_back(jump)
    }

    fn is_held_back(&self, jump: Jump) -> bool {
        self.eased && jump.to.level.lambda() - jump.from.level.lambda() > LONG_STEP
    }

    fn extrapolation(&self, nodes: &[Node], to: NoiseLevel) -> Extrapolation {
        let published = Extrapolation::published(nodes, to);
        if !self.eased {
            return published;
        }
        let Extrapolation { h, .. } = published;
        let gaps =
            published.gaps.map(|gap| if gap == f64::INFINITY { FROM_PURE_NOISE } else { gap });
        let reach = match h > LONG_STEP {
            true => h.min(gaps[0] * (2.0 * gaps[0] / h).min(1.0)),
            false => h,
        };
        Extrapolation { h, gaps, reach, curvature: (1.0 - 5.0 * h).max(0.5) }
    }

    /// A step of order 2 with a second call at the midpoint in lambda.
    fn single_step(
        &self,
        run: &Trajectory<'_>,
        z: Tensor<4>,
        jump: Jump,
        start: &Node,
    ) -> Result<Tensor<4>, SampleError> {
        let Self { name, form, correction, clip, .. } = *self;
        let single =
            DpmSinglestep { name, form, orders: StepOrders::Constant(2), correction, clip };
        single.step_from(start.value.clone(), run, z, jump, 2)
    }
}

impl Sampler for DpmMultistep {
    fn name(&self) -> &'static str {
        self.name
    }

    fn family(&self) -> Family {
        if self.form.is_sde() { Family::Sde } else { Family::Ode }
    }

    fn is_ddim(&self) -> bool {
        self.order == 1 && !self.form.is_sde()
    }

    fn calls(&self, grid: &[TimePoint]) -> Option<usize> {
        let first = Jump { index: 0, from: *grid.first()?, to: *grid.get(1)? };
        Some(grid.len() - 1 + usize::from(self.warms_up(first)))
    }

    fn grid_rule(&self) -> GridRule {
        GridRule::Multistep
    }

    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError> {
        let Self { name, form, order, clip, .. } = *self;
        let num_steps = run.grid.len().saturating_sub(1);
        walk_multistep(run, name, form, order, clip, |run, z, jump, latest| {
            if self.warms_up(jump) {
                return self.single_step(run, z, jump, &latest[0]);
            }
            let ends_low = self.lower_order_final;
            let order = order_of_step(order, ends_low, latest.len(), jump.index, num_steps);
            let order = if self.is_held_back(jump) { order.min(2) } else { order };
            let (nodes, to) = (&latest[..order], jump.to.level);
            let extrapolation = self.extrapolation(nodes, to);
            Ok(multistep_update(form, self.correction, z, to, nodes, extrapolation))
        })
    }
}

fn boxed(sampler: DpmMultistep, options: &SamplerOptions) -> Result<Box<dyn Sampler>, SampleError> {
    Ok(Box::new(DpmMultistep { clip: options.clip, ..sampler }))
}
