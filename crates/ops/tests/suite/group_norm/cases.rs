//! Cases, their inputs, and the same computed by Burn.

use burn::tensor::activation::silu;
use burn::tensor::{FloatDType, Tensor, TensorData};
use halfstep_ops::{group_norm, group_norm_silu, shifted_group_norm_silu};

use crate::support::{relative_difference, tensor};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Plain,
    Silu,
    Shifted,
}

pub(crate) const KINDS: [Kind; 3] = [Kind::Plain, Kind::Silu, Kind::Shifted];
pub(crate) const EPSILON: f64 = 1e-5;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) shape: [usize; 4],
    pub(crate) groups: usize,
    /// x lies in `mean` plus or minus `spread`.
    pub(crate) mean: f64,
    pub(crate) spread: f64,
}

/// Lists sizes around the edges of vectors and of the runs that are summed at a time; one group,
/// one channel per group, one pixel; values far from zero.
pub(crate) fn cases() -> Vec<Case> {
    let images = [(1, 1, 2), (3, 1, 1), (2, 5, 3), (1, 4, 4), (5, 8, 8), (2, 7, 13), (1, 33, 32)];
    let channels = [(8, 1), (8, 8), (8, 2), (12, 3), (64, 32), (5, 5)];
    let mut cases = Vec::new();
    for (batch, height, width) in images {
        for (channels, groups) in channels {
            for (mean, spread) in [(0.0, 1.0), (-3.0, 0.5)] {
                let shape = [batch, channels, height, width];
                cases.push(Case { shape, groups, mean, spread });
            }
        }
    }
    cases
}

/// The inputs: x, shift, weight and bias.
pub(crate) struct Inputs(
    pub(crate) Tensor<4>,
    pub(crate) Tensor<2>,
    pub(crate) Tensor<1>,
    pub(crate) Tensor<1>,
);

impl Inputs {
    pub(crate) fn new(case: Case, dtype: FloatDType) -> Self {
        let [batch, channels, ..] = case.shape;
        Self(
            tensor(case.shape, 1, [case.mean, case.spread], dtype),
            tensor([batch, channels], 2, [0.1, case.spread], dtype),
            tensor([channels], 3, [1.0, 0.7], dtype),
            tensor([channels], 4, [0.2, 0.7], dtype),
        )
    }

    pub(crate) fn ours(&self, kind: Kind, groups: usize) -> Tensor<4> {
        let Self(x, shift, weight, bias) = self;
        let (x, weight, bias) = (x.clone(), weight.clone(), bias.clone());
        match kind {
            Kind::Plain => group_norm(x, weight, bias, groups, EPSILON),
            Kind::Silu => group_norm_silu(x, weight, bias, groups, EPSILON),
            Kind::Shifted => {
                shifted_group_norm_silu(x, shift.clone(), weight, bias, groups, EPSILON)
            }
        }
    }

    /// Computes the formulas of `burn::nn::GroupNorm`, whose own parameters are always f32.
    pub(crate) fn burn(&self, kind: Kind, groups: usize) -> Tensor<4> {
        let Self(x, shift, weight, bias) = self;
        let [batch, channels, height, width] = x.dims();
        let x = match kind {
            Kind::Shifted => x.clone() + shift.clone().reshape([batch, channels, 1, 1]),
            _ => x.clone(),
        };
        let x = x.reshape([batch, groups, channels / groups * height * width]);
        let x = x.clone() - x.mean_dim(2);
        let variance = x.clone().square().mean_dim(2);
        let y = x / (variance + EPSILON).sqrt();
        let y = y.reshape([batch, channels, height, width]);
        let y = y * weight.clone().reshape([1, channels, 1, 1])
            + bias.clone().reshape([1, channels, 1, 1]);
        match kind {
            Kind::Plain => y,
            _ => silu(y),
        }
    }
}

/// Computes the output, and the gradients of `sum(output * something)` by x, weight, bias (and
/// shift).
pub(crate) fn run(case: Case, kind: Kind, dtype: FloatDType, ours: bool) -> Vec<TensorData> {
    let inputs = Inputs::new(case, dtype);
    let y = if ours { inputs.ours(kind, case.groups) } else { inputs.burn(kind, case.groups) };
    let something = tensor(case.shape, 5, [0.3, 1.0], dtype).detach();
    let grads = (y.clone() * something).sum().backward();
    let Inputs(x, shift, weight, bias) = inputs;
    let mut results = vec![
        y.into_data(),
        x.grad(&grads).unwrap().into_data(),
        weight.grad(&grads).unwrap().into_data(),
        bias.grad(&grads).unwrap().into_data(),
    ];
    if kind == Kind::Shifted {
        results.push(shift.grad(&grads).unwrap().into_data());
    }
    results
}

pub(crate) fn assert_agree(
    case: Case,
    kind: Kind,
    a: &[TensorData],
    b: &[TensorData],
    tolerance: f64,
) {
    assert_eq!(a.len(), b.len());
    for (name, (a, b)) in ["y", "dx", "dweight", "dbias", "dshift"].iter().zip(a.iter().zip(b)) {
        let difference = relative_difference(a, b, 1.0);
        assert!(difference <= tolerance, "{kind:?}: {name} differs by {difference:e} for {case:?}");
    }
}
