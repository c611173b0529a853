//! DPM-Solver++ multistep (Lu et al. 2022, <https://arxiv.org/abs/2211.01095>, algorithm 2, and its
//! appendix for the SDE and for order 3): one network call a step, the derivatives from the steps
//! before.
//!
//! # Long steps
//!
//! The difference of two answers is a derivative of x0 by lambda over distances on which x0 is nearly
//! a line. A long step extrapolates it further: the step into t = 0 of a linspace grid is several
//! times as long as the one before, and the published method multiplies the difference of the answers
//! by that ratio, which leaves noise in the image. [`DpmMultistep::eased`] holds it back;
//! `tests/suite/easing.rs` measures what that changes.

use burn::tensor::Tensor;
use halfstep_core::{NoiseLevel, TimePoint, X0Clip};

use crate::error::SampleError;
use crate::methods::dpm_singlestep::{DpmSinglestep, Plan};
use crate::methods::exponential::{Correction, Form};
use crate::methods::options::{SamplerOptions, clipped_everywhere};
use crate::registry::{GridRule, SamplerEntry, Takes};
use crate::sampler::{Family, Jump, Sampler, Trajectory, walk};

/// DPM-Solver++(1M).
pub static FIRST: SamplerEntry = SamplerEntry {
    name: "dpm-solver++-1",
    about: "DPM-Solver++ of order 1 (Lu et al. 2022): DDIM",
    order: Some(1),
    takes: &[Takes::Diffusers],
    grid: GridRule::Multistep,
    build: |options| boxed("dpm-solver++-1", Form::Data, 1, options),
};

/// DPM-Solver++(2M).
pub static SECOND: SamplerEntry = SamplerEntry {
    name: "dpm-solver++-2m",
    about: "DPM-Solver++ multistep of order 2 (Lu et al. 2022): the one to try first",
    order: Some(2),
    takes: &[Takes::Diffusers],
    grid: GridRule::Multistep,
    build: |options| boxed("dpm-solver++-2m", Form::Data, 2, options),
};

/// DPM-Solver++(3M).
pub static THIRD: SamplerEntry = SamplerEntry {
    name: "dpm-solver++-3m",
    about: "DPM-Solver++ multistep of order 3 (Lu et al. 2022), 2 from pure noise",
    order: Some(3),
    takes: &[Takes::Diffusers],
    grid: GridRule::Multistep,
    build: |options| boxed("dpm-solver++-3m", Form::Data, 3, options),
};

/// SDE-DPM-Solver++(2M).
pub static SECOND_SDE: SamplerEntry = SamplerEntry {
    name: "dpm-solver++-2m-sde",
    about: "SDE-DPM-Solver++ multistep of order 2 (Lu et al. 2022), with fresh noise in every step",
    order: None,
    takes: &[Takes::Diffusers],
    grid: GridRule::Multistep,
    build: |options| boxed("dpm-solver++-2m-sde", Form::DataSde, 2, options),
};

/// Grids shorter than this end with lower orders, as in the authors' code and diffusers.
const FEW_STEPS: usize = 15;

/// A step in lambda that is long for [`DpmMultistep::eased`]: over it the signal-to-noise ratio grows
/// by a factor of 9.5. Order 3 gains by steps of 1.11 in 5 steps of linear betas, and oscillates from a step of 1.15
/// on in 15 steps of a Karras grid.
pub const LONG_STEP: f64 = 1.125;

/// How far in lambda the answer at pure noise counts as lying from the next one. Where there is little
/// signal, x0 differs from the mean, which is the answer at pure noise, by a gain that grows with
/// alpha / sigma = e^lambda: the derivative by lambda is the difference itself.
const FROM_PURE_NOISE: f64 = 1.0;

/// One network call a step; the derivatives by lambda come from the answers before.
#[derive(Clone, Copy, Debug)]
pub struct DpmMultistep {
    /// On the command line.
    pub name: &'static str,
    /// Which equation.
    pub form: Form,
    /// 1, 2 or 3.
    pub order: usize,
    /// Of second-order updates.
    pub correction: Correction,
    /// Ends a grid of fewer than 15 steps with orders 2 and 1: steadier, not more exact.
    pub lower_order_final: bool,
    /// Order 3 as in diffusers: begins with a step of order 1 and takes half of the second
    /// derivative, which makes it of order 2.
    pub diffusers: bool,
    /// Departs from the published method where that is not made for the grid; the order of
    /// convergence stays what it is.
    /// - A step longer than [`LONG_STEP`] is of order 2 at most, with a derivative that is not
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

/// The network's answer at a level.
struct Answer {
    level: NoiseLevel,
    value: Tensor<4>,
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

    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError> {
        if self.form.needs_signal() {
            run.needs_signal("lambda is infinite")?;
        }
        let num_steps = run.grid.len().saturating_sub(1);
        let mut before: Vec<Answer> = Vec::new();
        walk(run, |run, z, jump| {
            let prediction = clipped_everywhere(run.predict(z.clone(), jump.from)?, self.clip);
            if jump.is_final() {
                return Ok(prediction.x0());
            }
            before
                .insert(0, Answer { level: jump.from.level, value: self.form.answer(&prediction) });
            before.truncate(self.order);
            let next = match self.warms_up(jump) {
                true => self.single_step(run, z, jump, &before[0])?,
                false => self.update(
                    z,
                    jump.to.level,
                    &before[..self.order_at(&before, jump, num_steps)],
                ),
            };
            Ok(self.with_noise(next, run, jump))
        })
    }
}

impl DpmMultistep {
    /// A first step of order 1 would leave an error of order 2 for good. From pure noise there is no
    /// midpoint in lambda, and the order is 2 in any case: lambda's steps do not get shorter there.
    fn warms_up(&self, jump: Jump) -> bool {
        let finite = jump.from.level.alpha() > 0.0 && !jump.is_final();
        jump.index == 0 && self.order == 3 && !self.diffusers && finite && !self.is_held_back(jump)
    }

    fn is_held_back(&self, jump: Jump) -> bool {
        self.eased && jump.to.level.lambda() - jump.from.level.lambda() > LONG_STEP
    }

    fn order_at(&self, before: &[Answer], jump: Jump, num_steps: usize) -> usize {
        let steps_left = num_steps - jump.index;
        let ends_low = self.lower_order_final && num_steps < FEW_STEPS;
        let by_end = if ends_low { steps_left } else { self.order };
        let by_length = if self.is_held_back(jump) { 2 } else { self.order };
        self.order.min(before.len()).min(by_end).min(by_length)
    }

    /// How far a difference of answers that lie `gap` apart is extrapolated in a step of `h`.
    fn reach(&self, h: f64, gap: f64) -> f64 {
        match self.eased && h > LONG_STEP {
            true => h.min(gap * (2.0 * gap / h).min(1.0)),
            false => h,
        }
    }

    /// How far apart two neighbouring answers count as lying in lambda, latest first.
    fn gap(&self, pair: &[Answer]) -> f64 {
        match pair[0].level.lambda() - pair[1].level.lambda() {
            f64::INFINITY if self.eased => FROM_PURE_NOISE,
            gap => gap,
        }
    }

    /// The part of the second derivative that a step of `h` of order 3 takes.
    fn curvature_part(&self, h: f64) -> f64 {
        match (self.diffusers, self.eased) {
            (true, _) => 0.5,
            (false, true) => (1.0 - 5.0 * h).max(0.5),
            (false, false) => 1.0,
        }
    }

    /// z at `to` from the latest answers, latest first: as many as the order.
    fn update(&self, z: Tensor<4>, to: NoiseLevel, answers: &[Answer]) -> Tensor<4> {
        let from = answers[0].level;
        let step = self.form.step(from, to);
        let h = to.lambda() - from.lambda();
        let gap = |k: usize| self.gap(&answers[k..]);
        // D1 between two neighbouring answers times a distance; one that lies infinitely far away
        // counts for nothing.
        let slope_over = |k: usize, distance: f64| {
            (answers[k].value.clone() - answers[k + 1].value.clone()) * (distance / gap(k))
        };
        let first = step.first(z, answers[0].value.clone());
        match answers.len() {
            1 => first,
            2 => first + step.second(slope_over(0, self.reach(h, gap(0))), self.correction),
            _ => {
                let (near, far) = (gap(0) / h, gap(1) / h);
                let latest = slope_over(0, h);
                let difference = latest.clone() - slope_over(1, h);
                // far may be infinite where the walk began at pure noise: both then vanish.
                let d1 = latest + difference.clone() * (near / (near + far));
                let d2 = difference * (2.0 * self.curvature_part(h) / (near + far));
                first + step.second(d1, Correction::Heun) + step.third(d2)
            }
        }
    }

    /// A step of order 2 with a second call at the midpoint in lambda.
    fn single_step(
        &self,
        run: &Trajectory<'_>,
        z: Tensor<4>,
        jump: Jump,
        answer: &Answer,
    ) -> Result<Tensor<4>, SampleError> {
        let Self { name, form, correction, clip, .. } = *self;
        let single = DpmSinglestep { name, form, plan: Plan::Constant(2), correction, clip };
        single.step_from(answer.value.clone(), run, z, jump, 2)
    }

    fn with_noise(&self, z: Tensor<4>, run: &mut Trajectory<'_>, jump: Jump) -> Tensor<4> {
        match self.form.step(jump.from.level, jump.to.level).std() {
            0.0 => z,
            std => z + (run.noise)(jump) * std,
        }
    }
}

fn boxed(
    name: &'static str,
    form: Form,
    order: usize,
    options: &SamplerOptions,
) -> Result<Box<dyn Sampler>, SampleError> {
    Ok(Box::new(DpmMultistep {
        name,
        form,
        order,
        correction: Correction::Midpoint,
        lower_order_final: true,
        diffusers: options.diffusers.is_some(),
        eased: options.diffusers.is_none(),
        clip: options.clip,
    }))
}
