//! DPM-Solver++ multistep (Lu et al. 2022, <https://arxiv.org/abs/2211.01095>, algorithm 2, and its
//! appendix for the SDE and for order 3): one network call a step, the derivatives from the steps
//! before.

use burn::tensor::Tensor;
use halfstep_core::{NoiseLevel, TimePoint, X0Clip};

use crate::error::SampleError;
use crate::exponential::{Correction, Form};
use crate::options::{SamplerOptions, clipped_everywhere};
use crate::registry::{GridRule, SamplerEntry, Takes};
use crate::sampler::{Family, Jump, Sampler, Trajectory, walk};
use crate::samplers::dpm_singlestep::{DpmSinglestep, Plan};

/// DPM-Solver++(1M).
pub static FIRST: SamplerEntry = SamplerEntry {
    name: "dpm-solver++-1",
    about: "DPM-Solver++ of order 1 (Lu et al. 2022): DDIM",
    order: Some(1),
    takes: &[Takes::Diffusers],
    grid: GridRule::Any,
    build: |options| boxed("dpm-solver++-1", Form::Data, 1, options),
};

/// DPM-Solver++(2M).
pub static SECOND: SamplerEntry = SamplerEntry {
    name: "dpm-solver++-2m",
    about: "DPM-Solver++ multistep of order 2 (Lu et al. 2022): the one to try first",
    order: Some(2),
    takes: &[Takes::Diffusers],
    grid: GridRule::Any,
    build: |options| boxed("dpm-solver++-2m", Form::Data, 2, options),
};

/// DPM-Solver++(3M).
pub static THIRD: SamplerEntry = SamplerEntry {
    name: "dpm-solver++-3m",
    about: "DPM-Solver++ multistep of order 3 (Lu et al. 2022), 2 from pure noise",
    order: Some(3),
    takes: &[Takes::Diffusers],
    grid: GridRule::Any,
    build: |options| boxed("dpm-solver++-3m", Form::Data, 3, options),
};

/// SDE-DPM-Solver++(2M).
pub static SECOND_SDE: SamplerEntry = SamplerEntry {
    name: "dpm-solver++-2m-sde",
    about: "SDE-DPM-Solver++ multistep of order 2 (Lu et al. 2022), with fresh noise in every step",
    order: None,
    takes: &[Takes::Diffusers],
    grid: GridRule::Any,
    build: |options| boxed("dpm-solver++-2m-sde", Form::DataSde, 2, options),
};

/// Grids shorter than this end with lower orders, as in the authors' code and diffusers.
const FEW_STEPS: usize = 15;

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
        jump.index == 0 && self.order == 3 && !self.diffusers && finite
    }

    fn order_at(&self, before: &[Answer], jump: Jump, num_steps: usize) -> usize {
        let left = num_steps - jump.index;
        let eased = self.lower_order_final && num_steps < FEW_STEPS;
        let most = if eased { left } else { self.order };
        self.order.min(before.len()).min(most)
    }

    /// z at `to` from the latest answers, latest first: as many as the order.
    fn update(&self, z: Tensor<4>, to: NoiseLevel, answers: &[Answer]) -> Tensor<4> {
        let from = answers[0].level;
        let step = self.form.step(from, to);
        let h = to.lambda() - from.lambda();
        let gap = |k: usize| answers[k].level.lambda() - answers[k + 1].level.lambda();
        // h D1 between two neighbouring answers; an infinitely distant one says nothing.
        let slope =
            |k: usize| (answers[k].value.clone() - answers[k + 1].value.clone()) * (h / gap(k));
        let first = step.first(z, answers[0].value.clone());
        match answers.len() {
            1 => first,
            2 => first + step.second(slope(0), self.correction),
            _ => {
                let (near, far) = (gap(0) / h, gap(1) / h);
                let difference = slope(0) - slope(1);
                // far is infinite where the walk began at pure noise: both then vanish.
                let d1 = slope(0) + difference.clone() * (near / (near + far));
                let second_derivative = if self.diffusers { 1.0 } else { 2.0 };
                let d2 = difference * (second_derivative / (near + far));
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
        clip: options.clip,
    }))
}
