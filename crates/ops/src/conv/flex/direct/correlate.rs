//! The output and the gradient of x, as a direct product.

use rayon::prelude::*;

use super::lattice::Lattice;
use crate::conv::flex::padded::Padded;
use crate::conv::flex::shape::{ConvShape, PIXELS_TOGETHER, images_together};
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
    let taps = shape.kernel * shape.kernel;
    Correlation {
        batch: shape.batch,
        input: [shape.channels, shape.height, shape.width],
        output: [shape.outputs, shape.out_height(), shape.out_width()],
        lattices: vec![Lattice::forward(shape)],
        weight: Weight {
            values: weight,
            kernel: taps,
            input_stride: taps,
            output_stride: shape.patch(),
        },
        bias,
    }
    .run(x)
}

/// Computes the gradient of x, `[B, C, H, W]`, from that of the output, `[B, O, H', W']`.
pub(crate) fn x_grad(shape: &ConvShape, weight: &[f32], grad: &[f32]) -> Vec<f32> {
    let taps = shape.kernel * shape.kernel;
    Correlation {
        batch: shape.batch,
        input: [shape.outputs, shape.out_height(), shape.out_width()],
        output: [shape.channels, shape.height, shape.width],
        lattices: Lattice::x_grad(shape),
        weight: Weight {
            values: weight,
            kernel: taps,
            input_stride: shape.patch(),
            output_stride: taps,
        },
        bias: None,
    }
    .run(grad)
}

/// A computation in which each output pixel of each lattice is a sum over the lattice's taps and
/// the input's channels.
struct Correlation<'a> {
    batch: usize,
    /// Channels, height, width.
    input: [usize; 3],
    /// Channels, height, width.
    output: [usize; 3],
    lattices: Vec<Lattice>,
    weight: Weight<'a>,
    bias: Option<&'a [f32]>,
}

/// The weights: that of output channel o, input channel c and tap t is at
/// `o * output_stride + c * input_stride + t`.
struct Weight<'a> {
    values: &'a [f32],
    /// The taps of the whole kernel.
    kernel: usize,
    input_stride: usize,
    output_stride: usize,
}

/// A lattice with its share of the weight and its tables of addresses.
struct Prepared {
    /// For each panel of output channels, `[patch, panel_width]`.
    panels: Vec<Buffer>,
    pixels: Vec<u32>,
    patch: Vec<u32>,
    /// Where each pixel goes in its image. If `in_order`, pixel i goes to place i.
    targets: Vec<u32>,
    in_order: bool,
}

impl Correlation<'_> {
    fn run(&self, input: &[f32]) -> Vec<f32> {
        let [outputs, height, width] = self.output;
        let plane = height * width;
        let mut out = vec![0.0; self.batch * outputs * plane];
        if self.lattices.is_empty() || out.is_empty() {
            return out;
        }
        let padded = Padded::new(self.input, &self.lattices);
        let together = images_together(plane, PIXELS_TOGETHER, self.batch);
        let prepared: Vec<Prepared> =
            self.lattices.iter().map(|lattice| self.prepare(lattice, &padded, together)).collect();
        let panel = panel_width(outputs) * plane;

        let images_in = self.input.iter().product::<usize>() * together;
        let images_out = outputs * plane * together;
        let workspaces = WorkspacePool::new(|| Buffer::zeros(padded.len() * together));
        let groups = out.par_chunks_mut(images_out).zip(input.par_chunks(images_in));
        groups.for_each(|(out, images)| {
            workspaces.lend(|packed| {
                padded.pack(images, packed);
                if together == 1 {
                    // The channels of one image lie together, so threads can share its panels.
                    out.par_chunks_mut(panel)
                        .enumerate()
                        .for_each(|(i, out)| self.panel(&prepared, packed, i, out));
                } else {
                    for i in 0..outputs.div_ceil(panel_width(outputs)) {
                        self.panel(&prepared, packed, i, &mut out[i * panel..]);
                    }
                }
            });
        });
        out
    }

    /// Prepares what the lattice needs for this number of images.
    fn prepare(&self, lattice: &Lattice, padded: &Padded, images: usize) -> Prepared {
        let [outputs, _, width] = self.output;
        let panel_width = panel_width(outputs);
        let panels = (0..outputs.div_ceil(panel_width))
            .into_par_iter()
            .map(|i| self.weight_panel(lattice, i * panel_width, panel_width))
            .collect();
        let step = lattice.out_step;
        let targets = lattice
            .positions()
            .map(|(i, j)| ((lattice.y + step * i) * width + lattice.x + step * j) as u32)
            .collect();
        let (pixels, patch) = (padded.pixels(lattice, images), padded.patch(lattice));
        Prepared { panels, pixels, patch, targets, in_order: step == 1 }
    }

    /// Lays out a panel of the weight: `[patch, panel_width]`, zero past the last output.
    fn weight_panel(&self, lattice: &Lattice, first: usize, panel_width: usize) -> Buffer {
        let Weight { values, kernel, input_stride, output_stride } = self.weight;
        let ([inputs, ..], [outputs, ..]) = (self.input, self.output);
        let (taps, count) = (lattice.taps.len(), panel_width.min(outputs - first));
        let values = &values[first * output_stride..];
        let mut panel = Buffer::zeros(inputs * taps * panel_width);
        let unchanged = lattice.taps.iter().map(|tap| tap.weight).eq(0..kernel);
        if unchanged && input_stride == kernel {
            transpose(values, output_stride, &mut panel, panel_width, count, inputs * kernel);
            return panel;
        }
        let mut lines = Buffer::zeros(kernel * panel_width);
        for (c, panel) in panel.chunks_exact_mut(taps * panel_width).enumerate() {
            let values = &values[c * input_stride..];
            transpose(values, output_stride, &mut lines, panel_width, count, kernel);
            for (to, tap) in panel.chunks_exact_mut(panel_width).zip(&lattice.taps) {
                to.copy_from_slice(&lines[tap.weight * panel_width..][..panel_width]);
            }
        }
        panel
    }

    /// Computes one panel of output channels of the packed images; `out` begins with its first
    /// channel.
    fn panel(&self, prepared: &[Prepared], packed: &[f32], index: usize, out: &mut [f32]) {
        /// So few that their sums stay in the fastest cache until they are stored.
        const PIXELS: usize = 128;
        let [outputs, height, width] = self.output;
        let plane = height * width;
        let panel_width = panel_width(outputs);
        let channels = index * panel_width..outputs.min((index + 1) * panel_width);
        let bias = self.bias.map(|bias| &bias[channels.clone()]);
        let images = (out.len() / plane).div_ceil(outputs);
        let mut planes = Planes { out, plane, image: outputs * plane, channels: channels.len() };
        let mut sums = Buffer::zeros(PIXELS * panel_width);
        for lattice in prepared {
            let pixels = &lattice.pixels[..images * lattice.targets.len()];
            for (chunk, rows) in pixels.chunks(PIXELS).enumerate() {
                let sums = &mut sums[..rows.len() * panel_width];
                if let Some(bias) = bias {
                    for line in sums.chunks_exact_mut(panel_width) {
                        line[..bias.len()].copy_from_slice(bias);
                    }
                }
                let (b, accumulate) = (&lattice.panels[index], bias.is_some());
                Product { a: packed, rows, cols: &lattice.patch, b, out: sums, accumulate }.run();
                lattice.store(sums, panel_width, chunk * PIXELS, &mut planes);
            }
        }
    }
}

/// The planes of a panel's channels, one image after another.
struct Planes<'a> {
    out: &'a mut [f32],
    plane: usize,
    /// Values from one image to the next.
    image: usize,
    channels: usize,
}

impl Prepared {
    /// Stores `sums` `[pixels, panel_width]`: those of the lattice's pixels from `first` on,
    /// counted through all images.
    fn store(&self, mut sums: &[f32], panel_width: usize, first: usize, planes: &mut Planes<'_>) {
        let each = self.targets.len();
        let mut next = first;
        while !sums.is_empty() {
            let (image, pixel) = (next / each, next % each);
            let count = (each - pixel).min(sums.len() / panel_width);
            let (now, later) = sums.split_at(count * panel_width);
            let out = &mut planes.out[image * planes.image..];
            if self.in_order {
                let out = &mut out[pixel..];
                transpose(now, panel_width, out, planes.plane, count, planes.channels);
            } else {
                let targets = &self.targets[pixel..pixel + count];
                for (channel, out) in out.chunks_mut(planes.plane).take(planes.channels).enumerate()
                {
                    for (&target, sums) in targets.iter().zip(now.chunks_exact(panel_width)) {
                        out[target as usize] = sums[channel];
                    }
                }
            }
            sums = later;
            next += count;
        }
    }
}
