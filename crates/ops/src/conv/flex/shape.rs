//! The sizes of a convolution.

use crate::conv::placement::Placement;

/// The sizes of a convolution. [`crate::conv2d`] has checked that they fit each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConvShape {
    pub(crate) batch: usize,
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) outputs: usize,
    pub(crate) kernel: usize,
    pub(crate) at: Placement,
}

impl ConvShape {
    /// Takes the sizes from the shapes of x `[B, C, H, W]` and the weight `[O, C, K, K]`.
    pub(crate) fn new(x: [usize; 4], weight: [usize; 4], at: Placement) -> Self {
        let ([batch, channels, height, width], [outputs, _, kernel, _]) = (x, weight);
        Self { batch, channels, height, width, outputs, kernel, at }
    }

    /// The output's height.
    pub(crate) fn out_height(&self) -> usize {
        self.at.places(self.height, self.kernel)
    }

    /// The output's width.
    pub(crate) fn out_width(&self) -> usize {
        self.at.places(self.width, self.kernel)
    }

    /// Counts the elements of a patch, the part of the input that one output pixel sees.
    pub(crate) fn patch(&self) -> usize {
        self.channels * self.kernel * self.kernel
    }
}

/// The least number of pixels in a direct product, if the batch has that many.
pub(crate) const PIXELS_TOGETHER: usize = 128;

/// Chooses how many images, of `each` pixels or tiles, to work on together, to have about `wanted`
/// of them. Small images then make a product large enough to pay for its preparation.
pub(crate) fn images_together(each: usize, wanted: usize, batch: usize) -> usize {
    (wanted / each.max(1)).clamp(1, batch.max(1))
}

/// Chooses how many partial sums, of `values` values each, make a weight gradient: enough to occupy
/// threads, but few enough to fit in 8 MB, or two. The number of threads has no influence: the
/// result would depend on it.
pub(crate) fn partial_sums(groups: usize, values: usize) -> usize {
    const VALUES: usize = 2 << 20;
    (VALUES / values.max(1)).clamp(2, 8).min(groups)
}
