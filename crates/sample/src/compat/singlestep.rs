//! diffusers' DPM-Solver singlestep.

use burn::tensor::Tensor;
use halfstep_core::X0Clip;

use crate::error::SampleError;
use crate::methods::clip::clipped_everywhere;
use crate::methods::dpm_singlestep::singlestep_update;
use crate::methods::exponential::{Correction, Node, SolverForm};
use crate::sampler::{Sampler, Trajectory, walk};

/// The intermediate calls of a step are the grid's own next points, and the orders of the steps run 1, 2, 3, 1, 2,
/// 3, ... to count calls.
#[derive(Clone, Copy, Debug)]
pub struct DiffusersSinglestep {
    /// Its short name.
    pub name: &'static str,
    /// Which equation; not an SDE.
    pub form: SolverForm,
    /// 2 or 3.
    pub order: usize,
    /// Of the last update of each step.
    pub correction: Correction,
    /// Keep x0 in range.
    pub clip: Option<X0Clip>,
}

impl Sampler for DiffusersSinglestep {
    fn name(&self) -> &'static str {
        self.name
    }

    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError> {
        let Self { name, form, order, correction, clip } = *self;
        if form.needs_signal() {
            run.needs_signal(name, "lambda")?;
        }
        let clean = run.grid.last().is_some_and(|end| end.level.sigma() == 0.0);
        let orders = orders_of_steps(order, run.grid.len().saturating_sub(1), clean);
        let mut start = run.start.clone();
        let mut nodes = Vec::new();
        walk(run, |run, z, jump| {
            if orders[jump.index] == 1 {
                start = z.clone();
                nodes.clear();
            }
            let prediction = clipped_everywhere(run.predict(z, jump.from)?, clip);
            if jump.is_final() {
                return Ok((prediction.x0(), prediction));
            }
            nodes.push(Node { level: jump.from.level, value: form.value(&prediction) });
            let next = singlestep_update(form, correction, start.clone(), jump.to.level, &nodes);
            Ok((next, prediction))
        })
    }
}

/// diffusers' `get_order_list` with `lower_order_final`.
fn orders_of_steps(order: usize, num_steps: usize, ends_clean: bool) -> Vec<usize> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_diffusers() {
        assert_eq!(orders_of_steps(3, 9, false), [1, 2, 3, 1, 2, 3, 1, 2, 1]);
        assert_eq!(orders_of_steps(3, 10, false), [1, 2, 3, 1, 2, 3, 1, 2, 3, 1]);
        assert_eq!(orders_of_steps(3, 8, true), [1, 2, 3, 1, 2, 3, 1, 1]);
        assert_eq!(orders_of_steps(2, 10, false), [1, 2, 1, 2, 1, 2, 1, 2, 1, 1]);
        assert_eq!(orders_of_steps(2, 5, false), [1, 2, 1, 2, 1]);
    }
}
