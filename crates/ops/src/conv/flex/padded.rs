//! Images laid out channels-last, with zeros around them.

use super::direct::lattice::Lattice;
use crate::cpu::buffer::Buffer;
use crate::cpu::transpose::transpose;

/// A layout of images: channels-last, with enough zeros around them that every tap of every pixel
/// is inside.
#[derive(Debug)]
pub(crate) struct Padded {
    channels: usize,
    height: usize,
    width: usize,
    top: usize,
    left: usize,
    padded_height: usize,
    padded_width: usize,
    /// Values from one pixel to the next.
    pixel: usize,
}

impl Padded {
    /// Makes the layout that has every tap of these lattices inside. The image is channels, height
    /// and width.
    pub(crate) fn new([channels, height, width]: [usize; 3], lattices: &[Lattice]) -> Self {
        let (top, bottom) = reach(height, lattices, |lattice| {
            let far = lattice.in_step * (lattice.rows - 1);
            (far, lattice.taps.iter().map(|tap| tap.dy).collect())
        });
        let (left, right) = reach(width, lattices, |lattice| {
            let far = lattice.in_step * (lattice.cols - 1);
            (far, lattice.taps.iter().map(|tap| tap.dx).collect())
        });
        // Pixels a power of two apart would compete for few of the cache's sets.
        let pixel = if channels.is_multiple_of(64) { channels + Buffer::LINE } else { channels };
        Self {
            channels,
            height,
            width,
            top,
            left,
            padded_height: top + bottom,
            padded_width: left + right,
            pixel,
        }
    }

    /// Makes a layout with `before` lines of zeros above and left of the image, `size` (height,
    /// width) in all, and the channels of a pixel filled up to a cache line.
    pub(crate) fn around(image: [usize; 3], before: usize, size: [usize; 2]) -> Self {
        let ([channels, height, width], [padded_height, padded_width]) = (image, size);
        Self {
            channels,
            height,
            width,
            top: before,
            left: before,
            padded_height,
            padded_width,
            pixel: spread(channels),
        }
    }

    /// Returns the values from one row to the next, and from one pixel to the next.
    pub(crate) fn strides(&self) -> (usize, usize) {
        (self.padded_width * self.pixel, self.pixel)
    }

    /// Counts the values of one image before it is laid out.
    pub(crate) fn image(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Counts the values of one image laid out.
    pub(crate) fn len(&self) -> usize {
        self.padded_height * self.padded_width * self.pixel
    }

    /// Lists the address of every pixel of the lattice, one image after another.
    pub(crate) fn pixels(&self, lattice: &Lattice, images: usize) -> Vec<u32> {
        let step = lattice.in_step;
        (0..images)
            .flat_map(|image| {
                lattice.positions().map(move |(i, j)| {
                    address(
                        image * self.len() + (step * i * self.padded_width + step * j) * self.pixel,
                    )
                })
            })
            .collect()
    }

    /// Lists the address of every element of a patch relative to its pixel: channel by channel, and
    /// tap by tap within a channel, as weights are laid out.
    pub(crate) fn patch(&self, lattice: &Lattice) -> Vec<u32> {
        (0..self.channels)
            .flat_map(|channel| {
                lattice.taps.iter().map(move |tap| {
                    let y = self.top.strict_add_signed(tap.dy);
                    let x = self.left.strict_add_signed(tap.dx);
                    address((y * self.padded_width + x) * self.pixel + channel)
                })
            })
            .collect()
    }

    /// Lays out images `[n, C, H, W]`. `packed` must be zero around them, and stays so.
    pub(crate) fn pack(&self, images: &[f32], packed: &mut [f32]) {
        let plane = self.height * self.width;
        let images = images.chunks_exact(self.channels * plane);
        for (image, packed) in images.zip(packed.chunks_exact_mut(self.len())) {
            if self.padded_width == self.width {
                let start = self.top * self.width * self.pixel;
                transpose(image, plane, &mut packed[start..], self.pixel, self.channels, plane);
                continue;
            }
            // Few channels at a time: the processor prefetches from few planes only.
            for (i, planes) in image.chunks(Buffer::LINE * plane).enumerate() {
                for y in 0..self.height {
                    let pixel = (self.top + y) * self.padded_width + self.left;
                    let to = &mut packed[pixel * self.pixel + i * Buffer::LINE..];
                    let (from, channels) = (&planes[y * self.width..], planes.len() / plane);
                    transpose(from, plane, to, self.pixel, channels, self.width);
                }
            }
        }
    }
}

/// Computes, along one axis, how many zeros the image needs before it, and the length of the rest.
fn reach(
    length: usize,
    lattices: &[Lattice],
    axis: impl Fn(&Lattice) -> (usize, Vec<isize>),
) -> (usize, usize) {
    let (mut before, mut rest) = (0, length);
    for (far, taps) in lattices.iter().map(axis) {
        for tap in taps {
            before = before.max(tap.min(0).unsigned_abs());
            rest = rest.max(far.saturating_add_signed(tap) + 1);
        }
    }
    (before, rest)
}

/// Computes how many values a pixel takes: whole cache lines that hold its channels, but not a
/// power of two, at which pixels would compete for few of the cache's sets.
pub(crate) fn spread(channels: usize) -> usize {
    let lines = channels.next_multiple_of(Buffer::LINE);
    if lines.is_multiple_of(64) { lines + Buffer::LINE } else { lines }
}

fn address(offset: usize) -> u32 {
    u32::try_from(offset).expect("a few images have fewer than 2^32 values")
}
