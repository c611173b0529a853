//! The gradient of the weight, by Winograd's method.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::tiles::{Tiles, Tiling, Windows, element_stride};
use super::{ELEMENTS, TAPS, WINDOW, transform};
use crate::conv::flex::shape::{ConvShape, images_together, partial_sums};
use crate::cpu::buffer::Buffer;
use crate::cpu::product::{Product, panel_width};
use crate::cpu::transpose::transpose;

/// Computes the gradient of the weight, `[O, C, 3, 3]`, from x and the gradient of the output.
///
/// It is a sum over the tiles of all images. Threads compute partial sums over chunks of the batch;
/// these are then added in order.
pub(crate) fn weight_grad(shape: &ConvShape, x: &[f32], grad: &[f32]) -> Vec<f32> {
    /// So many that adding to the sums costs little compared with computing the terms.
    const TILES: usize = 128;
    let (height, width) = (shape.out_height(), shape.out_width());
    let tiling = Tiling::new(height, width);
    let sum = PartialSum {
        shape,
        tiling,
        together: images_together(tiling.len(), TILES, shape.batch),
        x_windows: Windows::from_input(
            tiling,
            [shape.channels, shape.height, shape.width],
            shape.at.padding,
        ),
        grad_windows: Windows::from_output(tiling, [shape.outputs, height, width]),
    };
    let groups = shape.batch.div_ceil(sum.together);
    let panels = shape.outputs.div_ceil(panel_width(shape.outputs));
    let chunks = partial_sums(groups, panels * sum.panel());
    let partials: Vec<Buffer> = (0..chunks)
        .into_par_iter()
        .map(|i| sum.over(i * groups / chunks..(i + 1) * groups / chunks, x, grad))
        .collect();

    let (panel_width, patch) = (panel_width(shape.outputs), TAPS * shape.channels);
    let panel = sum.panel();
    let mut total = vec![0.0; shape.outputs * patch];
    total.par_chunks_mut(panel_width * patch).enumerate().for_each(|(i, total)| {
        let mut sum = Buffer::zeros(panel);
        for partial in &partials {
            let partial = &partial[i * panel..][..panel];
            sum.iter_mut().zip(partial).for_each(|(sum, value)| *sum += value);
        }
        let mut taps = Buffer::zeros(patch * panel_width);
        Arch::new().dispatch(Taps { sums: &sum, panel_width, taps: &mut taps });
        transpose(&taps, panel_width, total, patch, patch, total.len() / patch);
    });
    total
}

/// The sum over a chunk of the batch.
struct PartialSum<'a> {
    shape: &'a ConvShape,
    tiling: Tiling,
    together: usize,
    x_windows: Windows,
    grad_windows: Windows,
}

impl PartialSum<'_> {
    /// Counts the values of one element of a panel of output channels: `[C, panel_width]`, and a
    /// gap.
    fn element(&self) -> usize {
        element_stride(self.shape.channels, panel_width(self.shape.outputs))
    }

    /// Counts the values of a panel: `[36, C, panel_width]`, with gaps.
    fn panel(&self) -> usize {
        ELEMENTS * self.element()
    }

    /// Computes the sum over groups of images, one panel after another.
    fn over(&self, groups: Range<usize>, x: &[f32], grad: &[f32]) -> Buffer {
        let ConvShape { batch, channels, outputs, .. } = *self.shape;
        let panel_width = panel_width(outputs);
        let panels = outputs.div_ceil(panel_width);
        let most = self.together * self.tiling.len();
        let mut x_tiles = Tiles::new(most, channels);
        let mut grad_tiles = Tiles::in_panels(most, outputs, panel_width);
        let (mut x_packed, mut grad_packed) = (self.x_windows.buffer(), self.grad_windows.buffer());
        let rows: Vec<u32> = (0..channels as u32).collect();
        let cols: Vec<u32> = (0..most).map(|tile| (tile * x_tiles.width) as u32).collect();

        let mut sums = Buffer::zeros(panels * self.panel());
        for group in groups.clone() {
            let images = group * self.together..((group + 1) * self.together).min(batch);
            let tiles = images.len() * self.tiling.len();
            let of_images = |values: &[f32]| {
                let each = values.len() / batch;
                images.start * each..images.end * each
            };
            let (x, grad) = (&x[of_images(x)], &grad[of_images(grad)]);
            rayon::join(
                || self.x_windows.transform_all(x, &mut x_packed, &mut x_tiles),
                || self.grad_windows.transform_all(grad, &mut grad_packed, &mut grad_tiles),
            );
            let sums = sums.par_chunks_mut(self.element()).enumerate();
            sums.for_each(|(i, out)| {
                let (panel, element) = (i / ELEMENTS, i % ELEMENTS);
                let b = &grad_tiles.element_of_panel(panel, element)[..tiles * panel_width];
                let (a, accumulate) = (x_tiles.element(element), group != groups.start);
                let out = &mut out[..channels * panel_width];
                Product { a, rows: &rows, cols: &cols[..tiles], b, out, accumulate }.run();
            });
        }
        sums
    }
}

/// Computes `G^T u G`: `[36, C, panel_width] -> [C, 9, panel_width]`.
struct Taps<'a> {
    sums: &'a [f32],
    panel_width: usize,
    taps: &'a mut [f32],
}

impl WithSimd for Taps<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.panel_width / S::F32_LANES;
        let sums = S::as_simd_f32s(self.sums).0;
        let taps = S::as_mut_simd_f32s(self.taps).0;
        let element = sums.len() / ELEMENTS;
        for (c, taps) in taps.chunks_exact_mut(TAPS * width).enumerate() {
            for v in 0..width {
                let mut u = [[simd.splat_f32s(0.0); WINDOW]; WINDOW];
                for (e, u) in u.as_flattened_mut().iter_mut().enumerate() {
                    *u = sums[e * element + c * width + v];
                }
                let w = transform::both_axes(
                    simd,
                    u,
                    #[inline(always)]
                    |u| transform::weight_adjoint(simd, u),
                );
                for (t, value) in w.as_flattened().iter().enumerate() {
                    taps[t * width + v] = *value;
                }
            }
        }
    }
}
