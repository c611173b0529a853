//! Decides on the device whether a step is taken.

use burn::tensor::{Bool, Tensor};

use crate::learner::optimizer::AdamMoments;

/// Whether a step is taken; the decision stays on the device, so that the host need not wait.
#[derive(Clone, Debug)]
pub struct StepGate {
    finite: Tensor<1, Bool>,
    norm: Tensor<1>,
}

impl StepGate {
    pub(crate) fn new(finite: Tensor<1, Bool>, norm: Tensor<1>) -> Self {
        Self { finite, norm }
    }

    /// A gate that lets the step through if the gradient's norm and the loss, both `[1]`, are finite.
    pub fn on(norm: Tensor<1>, loss: &Tensor<1>) -> Self {
        let finite = all_finite(&norm, &[loss]);
        let norm = norm.mask_fill(finite.clone().bool_not(), 0.0);
        Self { finite, norm }
    }

    /// Whether the step is taken, `[1]`.
    pub fn taken(&self) -> Tensor<1, Bool> {
        self.finite.clone()
    }

    /// The gradient's norm `[1]`, or 0 for a skipped step. With a [`LossScale`](crate::LossScale) whose factor
    /// is below 1, the norm of a skipped step stays infinite or NaN: a smaller factor would not help.
    pub fn norm(&self) -> Tensor<1> {
        self.norm.clone()
    }

    /// `after` if the step is taken, else `before`, tensor by tensor.
    pub fn choose(&self, after: Vec<Tensor<1>>, before: Vec<Tensor<1>>) -> Vec<Tensor<1>> {
        let pairs = before.into_iter().zip(after);
        pairs.map(|(before, after)| self.choose_one(after, before)).collect()
    }

    /// As [`choose`](Self::choose), for AdamW's moments. `before` is `None` before the first step: moments of
    /// zero.
    pub fn choose_moments(&self, after: AdamMoments, before: Option<AdamMoments>) -> AdamMoments {
        let before = before.unwrap_or_else(|| {
            let zeros = |of: &[Tensor<1>]| of.iter().map(Tensor::zeros_like).collect();
            AdamMoments { first: zeros(&after.first), second: zeros(&after.second) }
        });
        AdamMoments {
            first: self.choose(after.first, before.first),
            second: self.choose(after.second, before.second),
        }
    }

    fn choose_one(&self, after: Tensor<1>, before: Tensor<1>) -> Tensor<1> {
        let mask = self.finite.clone().expand(before.dims());
        before.mask_where(mask, after)
    }
}

/// Whether `value` and all of `beside`, each `[1]`, are finite, `[1]`.
pub(crate) fn all_finite(value: &Tensor<1>, beside: &[&Tensor<1>]) -> Tensor<1, Bool> {
    // An ordered comparison is false for infinity and NaN on every backend. A direct test for them may be
    // removed by a shader compiler, which may assume that they do not occur.
    let finite = |value: &Tensor<1>| value.clone().abs().lower_equal_elem(f32::MAX);
    beside.iter().fold(finite(value), |all, value| all.bool_and(finite(value)))
}
