//! Halving and doubling the resolution without parameters.

use burn::tensor::Tensor;
use burn::tensor::module::avg_pool2d;
use burn::tensor::ops::AvgPoolOptions;

/// A residual block's change of resolution, between its first activation and its first convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resize {
    None,
    Halve,
    Double,
}

impl Resize {
    /// `[B, C, H, W]` at the new resolution.
    pub(crate) fn apply(self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::None => x,
            Self::Halve => halve(x),
            Self::Double => double(x),
        }
    }
}

/// The mean of each 2x2 pixels: `[B, C, H, W] -> [B, C, H/2, W/2]`
fn halve(x: Tensor<4>) -> Tensor<4> {
    avg_pool2d(x, AvgPoolOptions::new([2, 2]))
}

/// Each pixel repeated as 2x2: `[B, C, H, W] -> [B, C, 2H, 2W]`
pub(crate) fn double(x: Tensor<4>) -> Tensor<4> {
    let [b, c, h, w] = x.dims();
    x.reshape([b, c, h, 1, w, 1]).expand([b, c, h, 2, w, 2]).reshape([b, c, 2 * h, 2 * w])
}
