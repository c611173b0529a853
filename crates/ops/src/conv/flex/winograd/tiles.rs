//! Images as tiles, and the layout of transformed tiles.

use pulp::{Arch, Simd, WithSimd};

use super::{ELEMENTS, TILE, WINDOW, transform};
use crate::conv::flex::padded::{Padded, spread};
use crate::cpu::buffer::Buffer;

/// The tiles of an image's output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiling {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
}

impl Tiling {
    pub(crate) fn new(height: usize, width: usize) -> Self {
        Self { rows: height.div_ceil(TILE), cols: width.div_ceil(TILE) }
    }

    /// Counts the tiles.
    pub(crate) fn len(&self) -> usize {
        self.rows * self.cols
    }
}

/// The windows of an image, one for each tile, which are transformed.
pub(crate) struct Windows {
    tiling: Tiling,
    channels: usize,
    padded: Padded,
    /// The pixels of a window along an axis.
    size: usize,
}

impl Windows {
    /// Makes the windows of the input that the tiles see.
    pub(crate) fn from_input(tiling: Tiling, image: [usize; 3], padding: usize) -> Self {
        Self::new(tiling, image, padding, WINDOW)
    }

    /// Makes windows that are the output's tiles themselves.
    pub(crate) fn from_output(tiling: Tiling, image: [usize; 3]) -> Self {
        Self::new(tiling, image, 0, TILE)
    }

    fn new(tiling: Tiling, image: [usize; 3], padding: usize, size: usize) -> Self {
        let reach = |tiles: usize| tiles * TILE + size - TILE;
        let padded = Padded::around(image, padding, [reach(tiling.rows), reach(tiling.cols)]);
        Self { tiling, channels: image[0], padded, size }
    }

    /// Makes a buffer for [`Windows::transform_all`].
    pub(crate) fn buffer(&self) -> Buffer {
        Buffer::zeros(self.padded.len())
    }

    /// Transforms all windows of all images.
    pub(crate) fn transform_all(&self, images: &[f32], packed: &mut Buffer, to: &mut Tiles) {
        for (i, image) in images.chunks_exact(self.padded.image()).enumerate() {
            self.padded.pack(image, packed);
            let first = i * self.tiling.len();
            Arch::new().dispatch(Transform { windows: self, packed, first, to });
        }
    }
}

/// Transformed tiles: `[panels, 36, tiles, width]`, with gaps. The channels are in panels of a
/// width, or all in one panel.
pub(crate) struct Tiles {
    values: Buffer,
    /// Values from one tile to the next: the width.
    pub(crate) width: usize,
    /// Values from one element to the next.
    element_stride: usize,
}

impl Tiles {
    /// Makes room for tiles with all channels in one panel.
    pub(crate) fn new(tiles: usize, channels: usize) -> Self {
        Self::in_panels(tiles, channels, spread(channels))
    }

    /// Makes room for tiles with their channels in panels of this width.
    pub(crate) fn in_panels(tiles: usize, channels: usize, width: usize) -> Self {
        let element_stride = element_stride(tiles, width);
        let panels = channels.div_ceil(width);
        Self { values: Buffer::zeros(panels * ELEMENTS * element_stride), width, element_stride }
    }

    /// Returns one element of all tiles: `[tiles, width]`.
    pub(crate) fn element(&self, element: usize) -> &[f32] {
        self.element_of_panel(0, element)
    }

    /// Returns one element of all tiles, in one panel: `[tiles, width]`.
    pub(crate) fn element_of_panel(&self, panel: usize, element: usize) -> &[f32] {
        &self.values[(panel * ELEMENTS + element) * self.element_stride..][..self.element_stride]
    }
}

struct Transform<'a> {
    windows: &'a Windows,
    packed: &'a [f32],
    first: usize,
    to: &'a mut Tiles,
}

impl WithSimd for Transform<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if self.windows.size == WINDOW {
            windows::<S, WINDOW>(
                simd,
                self,
                #[inline(always)]
                |x| transform::input(simd, x),
            );
        } else {
            windows::<S, TILE>(
                simd,
                self,
                #[inline(always)]
                |y| transform::output_adjoint(simd, y),
            );
        }
    }
}

#[inline(always)]
fn windows<S: Simd, const N: usize>(
    simd: S,
    of: Transform<'_>,
    along: impl Fn([S::f32s; N]) -> [S::f32s; WINDOW] + Copy,
) {
    let Transform { windows, packed, first, to } = of;
    let (row, pixel) = windows.padded.strides();
    let channel_vectors = windows.channels.div_ceil(S::F32_LANES);
    let vectors = |floats: usize| floats / S::F32_LANES;
    let (row, pixel) = (vectors(row), vectors(pixel));
    let (tile, element) = (vectors(to.width), vectors(to.element_stride));
    let packed = S::as_simd_f32s(packed).0;
    let to = S::as_mut_simd_f32s(&mut to.values).0;
    for i in 0..windows.tiling.rows {
        for j in 0..windows.tiling.cols {
            let from = TILE * (i * row + j * pixel);
            let at = (first + i * windows.tiling.cols + j) * tile;
            for v in 0..channel_vectors {
                let at = at + v / tile * ELEMENTS * element + v % tile;
                let mut window = [[simd.splat_f32s(0.0); N]; N];
                for (m, line) in window.iter_mut().enumerate() {
                    for (n, value) in line.iter_mut().enumerate() {
                        *value = packed[from + m * row + n * pixel + v];
                    }
                }
                let out = transform::both_axes(simd, window, along);
                for (e, value) in out.as_flattened().iter().enumerate() {
                    to[e * element + at] = *value;
                }
            }
        }
    }
}

/// Computes the values from one of the 36 elements to the next, for elements of `rows` rows. The
/// gap keeps them from competing for few of a cache's sets.
pub(crate) fn element_stride(rows: usize, width: usize) -> usize {
    rows * width + Buffer::LINE
}
