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

/// Pixels that a plain product is over at least, if there are so many.
pub(crate) const PIXELS_TOGETHER: usize = 128;

/// How many images of so many pixels, or tiles, are worked on together to have about as many as
/// wanted, so that small ones make a product large enough to pay for its preparation.
pub(crate) fn images_together(each: usize, wanted: usize, batch: usize) -> usize {
    (wanted / each.max(1)).clamp(1, batch.max(1))
}

/// How many partial sums of so many values a weight gradient is made of: enough to occupy threads, few
/// enough that they fit in 8 MB or are two. It must not depend on the number of threads: the result
/// would.
pub(crate) fn partial_sums(groups: usize, values: usize) -> usize {
    const VALUES: usize = 2 << 20;
    (VALUES / values.max(1)).clamp(2, 8).min(groups)
}
