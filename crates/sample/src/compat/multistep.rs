//! diffusers' DPM-Solver multistep.

use burn::tensor::Tensor;
use halfstep_core::X0Clip;

use crate::error::SampleError;
use crate::methods::exponential::{Correction, SolverForm};
use crate::methods::multistep::{Extrapolation, multistep_update, order_of_step, walk_multistep};
use crate::sampler::{Family, GridRule, Sampler, Trajectory};

/// The published multistep method, however long a step is; its order 3 begins with a step of order 1 and takes half
/// of the second derivative, which makes it of order 2.
#[derive(Clone, Copy, Debug)]
pub struct DiffusersMultistep {
    /// Its short name.
    pub name: &'static str,
    /// Which equation.
    pub form: SolverForm,
    /// 1, 2 or 3.
    pub order: usize,
    /// Of second-order updates.
    pub correction: Correction,
    /// Ends a grid of fewer than 15 steps with orders 2 and 1.
    pub lower_order_final: bool,
    /// Keep x0 in range.
    pub clip: Option<X0Clip>,
}

impl Sampler for DiffusersMultistep {
    fn name(&self) -> &'static str {
        self.name
    }

    fn family(&self) -> Family {
        if self.form.is_sde() { Family::Sde } else { Family::Ode }
    }

    fn is_ddim(&self) -> bool {
        self.order == 1 && !self.form.is_sde()
    }

    fn grid_rule(&self) -> GridRule {
        GridRule::Multistep
    }

    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError> {
        let Self { name, form, order, correction, lower_order_final, clip } = *self;
        let num_steps = run.grid.len().saturating_sub(1);
        walk_multistep(run, name, form, order, clip, |_, z, jump, latest| {
            let order =
                order_of_step(order, lower_order_final, latest.len(), jump.index, num_steps);
            let (nodes, to) = (&latest[..order], jump.to.level);
            let extrapolation =
                Extrapolation { curvature: 0.5, ..Extrapolation::published(nodes, to) };
            Ok(multistep_update(form, correction, z, to, nodes, extrapolation))
        })
    }
}
