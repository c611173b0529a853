//! The gradient of the weight, as a direct product.

use rayon::prelude::*;

use super::lattice::Lattice;
use crate::conv::flex::padded::Padded;
use crate::conv::flex::shape::{ConvShape, PIXELS_TOGETHER, images_together, partial_sums};
use crate::cpu::buffer::Buffer;
use crate::cpu::product::{Product, panel_width};
use crate::cpu::transpose::transpose;

/// Computes the gradient of the weight, `[O, C, K, K]`, from x and the gradient of the output.
///
/// It is a sum over all pixels of all images. Threads compute partial sums over chunks of the
/// batch; these are then added in order.
pub(crate) fn weight_grad(shape: &ConvShape, x: &[f32], grad: &[f32]) -> Vec<f32> {
    let lattice = [Lattice::forward(shape)];
    let padded = Padded::new([shape.channels, shape.height, shape.width], &lattice);
    let [lattice] = lattice;
    let together = images_together(lattice.pixels(), PIXELS_TOGETHER, shape.batch);
    let sum = PartialSum {
        shape,
        together,
        pixels: padded.pixels(&lattice, together),
        patch: padded.patch(&lattice),
        padded,
    };
    let groups = shape.batch.div_ceil(together);
    let outputs = shape.outputs.next_multiple_of(panel_width(shape.outputs));
    let chunks = partial_sums(groups, shape.patch() * outputs);
    let partials: Vec<Buffer> = (0..chunks)
        .into_par_iter()
        .map(|i| {
            let images = i * groups / chunks * together..(i + 1) * groups / chunks * together;
            sum.over(images.start..images.end.min(shape.batch), x, grad)
        })
        .collect();

    let (width, patch) = (panel_width(shape.outputs), shape.patch());
    let mut total = vec![0.0; shape.outputs * patch];
    total.par_chunks_mut(width * patch).enumerate().for_each(|(i, total)| {
        let mut sum = Buffer::zeros(width * patch);
        for partial in &partials {
            let panel = &partial[i * width * patch..][..width * patch];
            sum.iter_mut().zip(panel).for_each(|(sum, value)| *sum += value);
        }
        transpose(&sum, width, total, patch, patch, total.len() / patch);
    });
    total
}

/// The sum over a chunk of the batch.
struct PartialSum<'a> {
    shape: &'a ConvShape,
    together: usize,
    padded: Padded,
    pixels: Vec<u32>,
    patch: Vec<u32>,
}

impl PartialSum<'_> {
    /// Computes the sum over these images: for each panel of output channels,
    /// `[patch, panel_width]`.
    fn over(&self, images: std::ops::Range<usize>, x: &[f32], grad: &[f32]) -> Buffer {
        let shape = self.shape;
        let width = panel_width(shape.outputs);
        let plane = shape.out_height() * shape.out_width();
        let image_in = shape.channels * shape.height * shape.width;
        let image_out = shape.outputs * plane;
        let x = &x[images.start * image_in..images.end * image_in];
        let grad = &grad[images.start * image_out..images.end * image_out];

        let mut sums = Buffer::zeros(shape.outputs.div_ceil(width) * width * shape.patch());
        let mut packed = Buffer::zeros(self.padded.len() * self.together);
        let groups = x.chunks(image_in * self.together).zip(grad.chunks(image_out * self.together));
        for (x, grad) in groups {
            self.padded.pack(x, &mut packed);
            sums.par_chunks_mut(width * shape.patch())
                .enumerate()
                .for_each(|(i, sums)| self.add(&packed, grad, i * width, sums));
        }
        sums
    }

    /// Adds the terms of a few images for one panel of output channels, from channel `first` on.
    fn add(&self, packed: &[f32], grad: &[f32], first: usize, sums: &mut [f32]) {
        /// So few that their gradients stay in the fastest cache while the patch is traversed.
        const PIXELS: usize = 256;
        let outputs = self.shape.outputs;
        let width = panel_width(outputs);
        let plane = self.shape.out_height() * self.shape.out_width();
        let channels = width.min(outputs - first);
        let images = grad.len() / (outputs * plane);

        let mut panel = Buffer::zeros(images * plane * width); // [pixels, panel_width]
        for (image, panel) in panel.chunks_exact_mut(plane * width).enumerate() {
            let grad = &grad[(image * outputs + first) * plane..];
            transpose(grad, plane, panel, width, channels, plane);
        }
        let pixels = &self.pixels[..images * plane];
        for (cols, b) in pixels.chunks(PIXELS).zip(panel.chunks(PIXELS * width)) {
            Product { a: packed, rows: &self.patch, cols, b, out: sums, accumulate: true }.run();
        }
    }
}
