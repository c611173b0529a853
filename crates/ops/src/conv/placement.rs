//! Where the kernel of a convolution lies.

use burn::tensor::ops::ConvOptions;

/// How a square kernel moves over an image: all that a convolution needs besides its tensors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placement {
    /// Pixels from one place of the kernel to the next, along both axes.
    pub(crate) stride: usize,
    /// Rows and columns of zeros around the image, on each side.
    pub(crate) padding: usize,
}

impl Placement {
    /// Counts the places of a kernel along an axis of `size` pixels: the output's pixels.
    // With `fusion` and without `flex` there is no kernel that needs it.
    #[cfg_attr(not(feature = "flex"), allow(dead_code))]
    pub(crate) fn places(self, size: usize, kernel: usize) -> usize {
        (size + 2 * self.padding - kernel) / self.stride + 1
    }

    /// The same for Burn's convolutions.
    pub(crate) fn options(self) -> ConvOptions<2> {
        ConvOptions::new([self.stride; 2], [self.padding; 2], [1; 2], 1)
    }
}
