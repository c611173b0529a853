//! How probable a model finds images.
//!
//! Two estimates exist: the variational bound of DDPM's steps ([`DenoisingErrors::bound`]) and the density of the
//! probability-flow ODE ([`ProbabilityFlow`]). Both are per image and in nats, natural logarithms for the whole
//! image; [`bits_per_dim`] converts them to the usual unit. [`ModelLikelihood`] computes both for a model folder
//! and a dataset, with cache and progress.

mod bound;
mod decoder;
mod flow;
mod model;
mod model_bound;
mod model_density;

use std::f64::consts::LN_2;

use burn::tensor::Tensor;

pub use bound::{BoundParts, DenoisingErrors};
pub use decoder::Decoder;
pub use flow::ProbabilityFlow;
pub use model::{LikelihoodEstimate, ModelLikelihood};

use crate::error::EvalError;

/// Bits per dimension, the usual unit: `nats / (dim ln 2)` for an image of `dim` values.
///
/// ```
/// // A uniform distribution over bytes has 8 bits per dimension.
/// let nats = 3.0 * 256.0_f64.ln();
/// assert!((halfstep_eval::bits_per_dim(nats, 3) - 8.0).abs() < 1e-12);
/// ```
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
