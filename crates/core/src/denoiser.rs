//! The interface between networks and everything that uses them.

use burn::tensor::Tensor;

use crate::{Prediction, TimePoint};

/// Anything that predicts what is in a noisy image: a UNet, a student, an exact oracle, a closure in a test.
pub trait Denoiser {
    /// The prediction for `z` `[B, C, H, W]` at one time point for the whole batch, or B of them.
    ///
    /// It is never called at [`TimePoint::CLEAN`], where there is nothing to denoise.
    fn predict(&self, z: Tensor<4>, at: &[TimePoint]) -> Prediction;
}

impl<F> Denoiser for F
where
    F: Fn(Tensor<4>, &[TimePoint]) -> Prediction,
{
    fn predict(&self, z: Tensor<4>, at: &[TimePoint]) -> Prediction {
        self(z, at)
    }
}
