//! The forward process and the linear maps between x0, eps, v and z.
//!
//! In all of these x0, eps, v and z are `[B, C, H, W]` and there is one level for the batch, or B.

use burn::tensor::{Tensor, TensorData};

use crate::{NoiseLevel, PredictionType};

/// `z = alpha x0 + sigma eps`.
pub fn add_noise(x0: Tensor<4>, eps: Tensor<4>, levels: &[NoiseLevel]) -> Tensor<4> {
    let (alpha, sigma) = alpha_sigma(levels, &x0);
    alpha * x0 + sigma * eps
}

/// `v = alpha eps - sigma x0`, the derivative of z by the angle phi (Salimans & Ho 2022,
/// arXiv:2202.00512, Appendix D).
pub fn get_velocity(x0: Tensor<4>, eps: Tensor<4>, levels: &[NoiseLevel]) -> Tensor<4> {
    let (alpha, sigma) = alpha_sigma(levels, &x0);
    alpha * eps - sigma * x0
}

/// `x0 = alpha z - sigma v`.
pub fn predict_x0(v: Tensor<4>, z: Tensor<4>, levels: &[NoiseLevel]) -> Tensor<4> {
    let (alpha, sigma) = alpha_sigma(levels, &z);
    alpha * z - sigma * v
}

/// `eps = sigma z + alpha v`.
pub fn predict_eps(v: Tensor<4>, z: Tensor<4>, levels: &[NoiseLevel]) -> Tensor<4> {
    let (alpha, sigma) = alpha_sigma(levels, &z);
    sigma * z + alpha * v
}

/// What a network of the given kind should predict at `z = alpha x0 + sigma eps`.
pub fn training_target(
    kind: PredictionType,
    x0: Tensor<4>,
    eps: Tensor<4>,
    levels: &[NoiseLevel],
) -> Tensor<4> {
    match kind {
        PredictionType::Epsilon => eps,
        PredictionType::Sample => x0,
        PredictionType::VPrediction => get_velocity(x0, eps, levels),
    }
}

/// The n values as `[n, 1, 1, 1]`, to multiply `[n or 1, C, H, W]`: in `like`'s float type, on its
/// device.
pub fn column(values: impl Iterator<Item = f64>, like: &Tensor<4>) -> Tensor<4> {
    let values: Vec<f64> = values.collect();
    let count = values.len();
    host_tensor(values, [count, 1, 1, 1], like)
}

/// Host values as a tensor of the given shape, in `like`'s float type, on its device.
pub(crate) fn host_tensor<const D: usize>(
    values: Vec<f64>,
    shape: [usize; D],
    like: &Tensor<4>,
) -> Tensor<D> {
    let data = TensorData::new(values, shape);
    Tensor::from_data(data, (&like.device(), like.dtype()))
}

fn alpha_sigma(levels: &[NoiseLevel], like: &Tensor<4>) -> (Tensor<4>, Tensor<4>) {
    (
        column(levels.iter().map(NoiseLevel::alpha), like),
        column(levels.iter().map(NoiseLevel::sigma), like),
    )
}
