//! The target of progressive distillation (Salimans & Ho 2022, arXiv:2202.00512, Algorithm 2).
//!
//! Two deterministic teacher steps lead from `z` at `from` to `z_end` at `to`. The student shall get there in one
//! DDIM step: both functions solve that step for the student's prediction. z and z_end are `[B, C, H, W]`; `from` and
//! `to` are one level for the batch, or B, with `from` noisier than `to`.

use burn::tensor::Tensor;

use crate::step::{delta, pairs};
use crate::{NoiseLevel, column};

/// The velocity that takes `z` to `z_end` in one step: `v = (cos(D) z - z_end) / sin(D)`, `D = phi
/// - phi_end`.
///
/// The inverse of [`angular_step`](crate::angular_step). No division by alpha or sigma: pure noise
/// and clean data are ordinary ends.
pub fn distillation_target(
    z: Tensor<4>,
    z_end: Tensor<4>,
    from: &[NoiseLevel],
    to: &[NoiseLevel],
) -> Tensor<4> {
    let jumps = pairs(from, to);
    let cos = column(jumps.iter().map(|jump| delta(jump).cos()), &z);
    let sin = column(jumps.iter().map(|jump| delta(jump).sin()), &z);
    (cos * z - z_end) / sin
}

/// The same target as x0: `x0 = (z_end - r z) / (alpha_end - r alpha)`, `r = sigma_end / sigma`
/// (Appendix G).
///
/// `from` always has sigma > 0, so this too is defined wherever it is used; [`distillation_target`]
/// is better conditioned.
pub fn distillation_target_x0(
    z: Tensor<4>,
    z_end: Tensor<4>,
    from: &[NoiseLevel],
    to: &[NoiseLevel],
) -> Tensor<4> {
    let jumps = pairs(from, to);
    let ratio = |&(from, to): &(NoiseLevel, NoiseLevel)| to.sigma() / from.sigma();
    let scale = |jump: &(NoiseLevel, NoiseLevel)| jump.1.alpha() - ratio(jump) * jump.0.alpha();
    let on_z = column(jumps.iter().map(ratio), &z);
    let scale = column(jumps.iter().map(scale), &z);
    (z_end - on_z * z) / scale
}
