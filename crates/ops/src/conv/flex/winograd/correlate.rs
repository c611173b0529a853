//! The output and the gradient of x, by Winograd's method.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::tiles::{Tiles, Tiling, Windows, element_stride};
use super::weight::{Weight, WeightPanel};
use super::{ELEMENTS, TILE, WINDOW, transform};
use crate::conv::flex::shape::{ConvShape, images_together};
use crate::cpu::buffer::Buffer;
use crate::cpu::product::{Product, panel_width};
use crate::cpu::transpose::transpose;
use crate::cpu::workspace::WorkspacePool;

/// Computes the output: `[B, C, H, W] -> [B, O, H', W']`.
pub(crate) fn forward(
    shape: &ConvShape,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
) -> Vec<f32> {
    let output = [shape.outputs, shape.out_height(), shape.out_width()];
    Correlation {
        input: [shape.channels, shape.height, shape.width],
        output,
        tiling: Tiling::new(output[1], output[2]),
        padding: shape.at.padding,
        weight: Weight::unchanged(weight, shape),
        bias,
    }
    .run(shape.batch, x)
}

/// Computes the gradient of x, `[B, C, H, W]`, from that of the output, `[B, O, H', W']`.
pub(crate) fn x_grad(shape: &ConvShape, weight: &[f32], grad: &[f32]) -> Vec<f32> {
    Correlation {
        input: [shape.outputs, shape.out_height(), shape.out_width()],
        output: [shape.channels, shape.height, shape.width],
        tiling: Tiling::new(shape.height, shape.width),
        padding: 2 - shape.at.padding,
        weight: Weight::rotated(weight, shape),
        bias: None,
    }
    .run(shape.batch, grad)
}

/// A computation whose output tiles are each computed from the window of the input they see.
struct Correlation<'a> {
    /// Channels, height, width.
    input: [usize; 3],
    /// Channels, height, width.
    output: [usize; 3],
    tiling: Tiling,
    padding: usize,
    weight: Weight<'a>,
    bias: Option<&'a [f32]>,
}

impl Correlation<'_> {
    fn run(&self, batch: usize, input: &[f32]) -> Vec<f32> {
        /// So many that reading a panel of the weight pays off.
        const TILES: usize = 64;
        let [image_in, image_out]: [usize; 2] =
            [self.input, self.output].map(|image| image.iter().product());
        let [outputs, height, width] = self.output;
        let (plane, width_of_panel) = (height * width, panel_width(outputs));
        // The grouping of images changes no result, so each thread may have a group.
        let share = batch.div_ceil(rayon::current_num_threads());
        let together = images_together(self.tiling.len(), TILES, share);
        let windows = Windows::from_input(self.tiling, self.input, self.padding);
        let panels: Vec<WeightPanel> = (0..outputs.div_ceil(width_of_panel))
            .into_par_iter()
            .map(|i| self.weight.panel(i * width_of_panel))
            .collect();

        let (tiles, images) = (together * self.tiling.len(), together);
        let inputs = WorkspacePool::new(|| (windows.buffer(), Tiles::new(tiles, self.input[0])));
        let scratches = WorkspacePool::new(|| Scratch::new(self.tiling, images, width_of_panel));
        let few = together == 1 && batch < rayon::current_num_threads();
        let mut out = vec![0.0; batch * image_out];
        let groups = out.par_chunks_mut(together * image_out);
        groups.zip(input.par_chunks(together * image_in)).for_each(|(out, input)| {
            inputs.lend(|(packed, tiles)| {
                windows.transform_all(input, packed, tiles);
                let panel = |(i, (out, panel)): (usize, (&mut [f32], &WeightPanel))| {
                    let first = i * width_of_panel;
                    scratches.lend(|scratch| self.panel(tiles, panel, first, scratch, out));
                };
                if few {
                    // The channels of one image lie together, so threads can share its panels.
                    let out = out.par_chunks_mut(width_of_panel * plane);
                    out.zip(&panels).enumerate().for_each(panel);
                } else {
                    for (i, weight) in panels.iter().enumerate() {
                        panel((i, (&mut out[i * width_of_panel * plane..], weight)));
                    }
                }
            });
        });
        out
    }

    /// Computes a panel of output channels, from channel `first` on, from the transformed images;
    /// `out` begins with that channel.
    fn panel(
        &self,
        tiles: &Tiles,
        weight: &WeightPanel,
        first: usize,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) {
        let ([inputs, ..], [outputs, height, width]) = (self.input, self.output);
        let width_of_panel = panel_width(outputs);
        let channels = first..outputs.min(first + width_of_panel);
        let Scratch { products, strip, bias } = scratch;
        let plane = height * width;
        let images = (out.len() / plane).div_ceil(outputs);

        let count = images * self.tiling.len();
        let rows: Vec<u32> = (0..count).map(|i| (i * tiles.width) as u32).collect();
        let cols: Vec<u32> = (0..inputs as u32).collect();
        let stride = element_stride(count, width_of_panel);
        for element in 0..ELEMENTS {
            let (a, b) = (tiles.element(element), weight.element(element));
            let out = &mut products[element * stride..][..count * width_of_panel];
            Product { a, rows: &rows, cols: &cols, b, out, accumulate: false }.run();
        }

        if let Some(values) = self.bias {
            bias[..channels.len()].copy_from_slice(&values[channels.clone()]);
        }
        let Tiling { rows, cols } = self.tiling;
        for (image, i) in (0..images).flat_map(|image| (0..rows).map(move |i| (image, i))) {
            let products = &products[(image * rows + i) * cols * width_of_panel..];
            Arch::new().dispatch(RowOfTiles { products, stride, cols, bias, strip });
            let lines = strip.chunks_exact(cols * TILE * width_of_panel);
            for (line, y) in lines.zip(i * TILE..height) {
                let out = &mut out[(image * outputs * height + y) * width..];
                transpose(line, width_of_panel, out, plane, width, channels.len());
            }
        }
    }
}

/// The working memory for one panel.
struct Scratch {
    /// `[36, tiles, panel_width]`, with gaps.
    products: Buffer,
    /// A row of tiles: `[4, 4 tiles, panel_width]`
    strip: Buffer,
    /// `[panel_width]`
    bias: Buffer,
}

impl Scratch {
    fn new(tiling: Tiling, images: usize, panel_width: usize) -> Self {
        Self {
            products: Buffer::zeros(ELEMENTS * element_stride(images * tiling.len(), panel_width)),
            strip: Buffer::zeros(TILE * TILE * tiling.cols * panel_width),
            bias: Buffer::zeros(panel_width),
        }
    }
}

/// Computes `A^T m A + bias` for a row of tiles:
/// `[36, tiles, panel_width] -> [4, 4 tiles, panel_width]`.
struct RowOfTiles<'a> {
    products: &'a [f32],
    /// Values from one element to the next.
    stride: usize,
    cols: usize,
    bias: &'a [f32],
    strip: &'a mut [f32],
}

impl WithSimd for RowOfTiles<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { products, stride, cols, bias, strip } = self;
        let (products, bias) = (S::as_simd_f32s(products).0, S::as_simd_f32s(bias).0);
        let strip = S::as_mut_simd_f32s(strip).0;
        let (stride, width) = (stride / S::F32_LANES, bias.len());
        for j in 0..cols {
            for (v, &bias) in bias.iter().enumerate() {
                let mut m = [[simd.splat_f32s(0.0); WINDOW]; WINDOW];
                for (element, m) in m.as_flattened_mut().iter_mut().enumerate() {
                    *m = products[element * stride + j * width + v];
                }
                let y = transform::both_axes(
                    simd,
                    m,
                    #[inline(always)]
                    |m| transform::output(simd, m),
                );
                for (i, line) in y.iter().enumerate() {
                    for (k, &value) in line.iter().enumerate() {
                        strip[((i * cols + j) * TILE + k) * width + v] = simd.add_f32s(value, bias);
                    }
                }
            }
        }
    }
}
