//! The sizes of a convolution.

/// The sizes of a convolution, as its caller knows them; [`crate::conv2d`] has checked them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConvShape {
    pub(crate) batch: usize,
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) outputs: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
}

impl ConvShape {
    pub(crate) fn out_height(&self) -> usize {
        (self.height + 2 * self.padding - self.kernel) / self.stride + 1
    }

    pub(crate) fn out_width(&self) -> usize {
        (self.width + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// Elements of a patch: one output pixel's share of the input.
    pub(crate) fn patch(&self) -> usize {
        self.channels * self.kernel * self.kernel
    }
}

/// How many images are worked on together, so that small ones make a product large enough to pay
/// for its preparation. Depends on the shape alone.
pub(crate) fn images_together(pixels: usize) -> usize {
    const PIXELS: usize = 128;
    (PIXELS / pixels.max(1)).max(1)
}
