//! Dropout with masks drawn on the host.
//!
//! Device generators are global and differ between backends, so a run could not be resumed bit for bit with
//! them. The masks come from the caller's stream instead.

use burn::tensor::{Tensor, TensorData};

/// The dropout masks of one training step, drawn from a source of uniform numbers.
pub struct DropoutMasks<'a> {
    uniforms: &'a mut dyn FnMut(usize) -> Vec<f32>,
}

impl<'a> DropoutMasks<'a> {
    /// `uniforms(n)` returns the next n numbers in `[0, 1)` of the step's stream.
    pub fn new(uniforms: &'a mut dyn FnMut(usize) -> Vec<f32>) -> Self {
        Self { uniforms }
    }

    /// Zeroes each element of x with probability `p` in `[0, 1)` and scales the others by `1/(1 - p)`.
    pub fn apply(&mut self, x: Tensor<4>, p: f64) -> Tensor<4> {
        if p == 0.0 {
            return x;
        }
        let dims = x.dims();
        let keep = (1.0 / (1.0 - p)) as f32;
        let mask: Vec<f32> = (self.uniforms)(dims.iter().product())
            .into_iter()
            .map(|uniform| if f64::from(uniform) < p { 0.0 } else { keep })
            .collect();
        let mask = Tensor::<4>::from_data(TensorData::new(mask, dims), &x.device());
        let mask = mask.cast(x.dtype());
        x * mask
    }
}
