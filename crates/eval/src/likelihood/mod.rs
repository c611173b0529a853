//! How probable a model finds images: a bound from the sampler's steps, and the density that the
//! probability-flow ODE gives.
//!
//! Both are told per image in nats, natural logarithms of the whole image; [`bits_per_dim`] turns them
//! into the field's unit.

mod bound;
mod decoder;
mod flow;
pub(crate) mod model;
mod model_bound;

use std::f64::consts::LN_2;

use burn::tensor::Tensor;

pub use bound::{BoundParts, Walk};
pub use decoder::Decoder;
pub use flow::ProbabilityFlow;

use crate::error::EvalError;

/// Nats an image of `dim` values as bits a value.
pub fn bits_per_dim(nats: f64, dim: usize) -> f64 {
    nats / (dim as f64 * LN_2)
}

/// Sums over each image of `[B, C, H, W]`.
fn image_sums(values: Tensor<4>) -> Result<Vec<f64>, EvalError> {
    let [images, ..] = values.dims();
    let sums = values.reshape([images as i32, -1]).sum_dim(1);
    let data = sums.try_into_data().map_err(|error| EvalError::Device(format!("{error:?}")))?;
    let sums: Vec<f64> = data.iter::<f64>().collect();
    match sums.iter().all(|sum| sum.is_finite()) {
        true => Ok(sums),
        false => Err(EvalError::NotFinite("the model's predictions")),
    }
}
