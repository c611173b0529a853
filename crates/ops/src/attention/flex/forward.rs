//! Attention: the forward pass.
//!
//! It takes one panel of queries at a time. Pixels lie along the rows, as images have them:
//!
//! | computes | as | rows | sums over |
//! |---|---|---|---|
//! | scores `[keys, queries]` | `k^T q` | keys | channels |
//! | softmax, down the columns | in place | | |
//! | output `[channels, queries]` | `v p` | channels | keys |
//!
//! The result of one product is the right factor of the next, so nothing is transposed. Of the
//! `[N, N]` scores only one panel exists at a time, in the processor's cache. The backward pass
//! computes them again, as FlashAttention does (Dao et al. 2022, arXiv:2205.14135), but without its
//! rescaling: a panel has all keys.

use rayon::prelude::*;

use super::softmax::Exponentials;
use crate::cpu::buffer::Buffer;
use crate::cpu::product::{Product, panel_width};

/// The sizes of an attention. [`crate::attention()`] has checked that they fit each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttentionShape {
    pub(crate) heads: usize,
    /// The channels of one head.
    pub(crate) channels: usize,
    pub(crate) pixels: usize,
}

impl AttentionShape {
    /// Counts the values of one head: `[channels, pixels]`.
    pub(crate) fn head(&self) -> usize {
        self.channels * self.pixels
    }

    /// Counts the values of q, k, v or the output of one image.
    pub(crate) fn image(&self) -> usize {
        self.heads * self.head()
    }

    /// The queries of a panel.
    pub(crate) fn width(&self) -> usize {
        panel_width(self.pixels)
    }

    /// Computes `1 / sqrt(d)`.
    pub(crate) fn scale(&self) -> f32 {
        (self.channels as f64).sqrt().recip() as f32
    }
}

/// Computes the output: `[B, (q k v) heads C, N] -> [B, heads C, N]`.
pub(crate) fn forward(shape: AttentionShape, qkv: &[f32]) -> Vec<f32> {
    let (image, head) = (shape.image(), shape.head());
    let tables = Tables::new(shape);
    let mut out = vec![0.0; qkv.len() / 3];
    out.par_chunks_mut(image).zip(qkv.par_chunks(3 * image)).for_each(|(out, qkv)| {
        let [q, k, v] = [0, 1, 2].map(|part| qkv[part * image..][..image].par_chunks(head));
        out.par_chunks_mut(head).zip(q).zip(k).zip(v).for_each(|(((out, q), k), v)| {
            tables.head(q, k, v, out);
        });
    });
    out
}

/// Tables of addresses for [`Product`], and the sizes they were made for.
pub(crate) struct Tables {
    pub(crate) shape: AttentionShape,
    /// Addresses in `[channels, pixels]`, an image in its own layout.
    pub(crate) planes: Vec<u32>,
    pub(crate) pixels: Vec<u32>,
    /// Addresses in `[pixels / TILE, channels, TILE]`, an image as [`Tables::tiled`] lays it out.
    pub(crate) tiled_pixels: Vec<u32>,
    pub(crate) tiled_channels: Vec<u32>,
}

/// The rows that a product reads together; they therefore lie together.
const TILE: usize = 8;

impl Tables {
    pub(crate) fn new(shape: AttentionShape) -> Self {
        let AttentionShape { channels, pixels, .. } = shape;
        let addresses = |count: usize, address: &dyn Fn(usize) -> usize| -> Vec<u32> {
            let address = |i| u32::try_from(address(i)).expect("a head has fewer than 2^32 values");
            (0..count).map(address).collect()
        };
        Self {
            shape,
            planes: addresses(channels, &|c| c * pixels),
            pixels: addresses(pixels, &|i| i),
            tiled_pixels: addresses(pixels, &|i| i / TILE * TILE * channels + i % TILE),
            tiled_channels: addresses(channels, &|c| c * TILE),
        }
    }

    /// Lays out an image in tiles: `[channels, pixels] -> [pixels / TILE, channels, TILE]`.
    pub(crate) fn tiled(&self, image: &[f32]) -> Buffer {
        let AttentionShape { channels, pixels, .. } = self.shape;
        let mut tiled = Buffer::zeros(pixels.next_multiple_of(TILE) * channels);
        for (c, plane) in image.chunks_exact(pixels).enumerate() {
            let (tiles, rest) = plane.as_chunks::<TILE>();
            for (i, tile) in tiles.iter().enumerate() {
                tiled[(i * channels + c) * TILE..][..TILE].copy_from_slice(tile);
            }
            if !rest.is_empty() {
                tiled[(tiles.len() * channels + c) * TILE..][..rest.len()].copy_from_slice(rest);
            }
        }
        tiled
    }

    /// Computes one head; all slices are `[channels, pixels]`. Threads share its panels of queries
    /// too: a single image has few heads.
    fn head(&self, q: &[f32], k: &[f32], v: &[f32], out: &mut [f32]) {
        let AttentionShape { channels, pixels, .. } = self.shape;
        let width = self.shape.width();
        let tiled_k = self.tiled(k);
        let mut panels = Buffer::zeros(pixels.div_ceil(width) * channels * width);
        panels.par_chunks_mut(channels * width).enumerate().for_each_init(
            || Panel::new(self.shape),
            |panel, (i, out)| {
                panel.exponentials(self, q, &tiled_k, i * width);
                Product {
                    a: v,
                    rows: &self.planes,
                    cols: &self.pixels,
                    b: &panel.e,
                    out,
                    accumulate: false,
                }
                .run();
                for line in out.chunks_exact_mut(width) {
                    multiply(line, &panel.inverse_sums);
                }
            },
        );
        for (i, panel) in panels.chunks_exact(channels * width).enumerate() {
            store(panel, width, i * width, out, pixels);
        }
    }
}

/// The working memory for one panel of queries.
pub(crate) struct Panel {
    /// q divided by sqrt(d): `[channels, width]`
    pub(crate) q: Buffer,
    /// Unnormalised probabilities: `[keys, width]`
    pub(crate) e: Buffer,
    /// One over the sum of a column of `e`: `[width]`
    pub(crate) inverse_sums: Buffer,
}

impl Panel {
    pub(crate) fn new(shape: AttentionShape) -> Self {
        let width = shape.width();
        Self {
            q: Buffer::zeros(shape.channels * width),
            e: Buffer::zeros(shape.pixels * width),
            inverse_sums: Buffer::zeros(width),
        }
    }

    /// Computes the unnormalised probabilities of the queries from pixel `first` on.
    pub(crate) fn exponentials(
        &mut self,
        tables: &Tables,
        q: &[f32],
        tiled_k: &[f32],
        first: usize,
    ) {
        let Tables { shape, tiled_pixels, tiled_channels, .. } = tables;
        load(q, shape.pixels, first, &mut self.q, shape.width());
        let scale = shape.scale();
        self.q.iter_mut().for_each(|q| *q *= scale);
        let (rows, cols) = (tiled_pixels, tiled_channels);
        Product { a: tiled_k, rows, cols, b: &self.q, out: &mut self.e, accumulate: false }.run();
        Exponentials { scores: &mut self.e, inverse_sums: &mut self.inverse_sums }.run();
    }
}

/// Copies the pixels of `[channels, pixels]` from `first` on to a panel `[channels, width]`, which
/// is zero past the last.
pub(crate) fn load(from: &[f32], pixels: usize, first: usize, panel: &mut [f32], width: usize) {
    let count = width.min(pixels - first);
    for (plane, line) in from.chunks_exact(pixels).zip(panel.chunks_exact_mut(width)) {
        line[..count].copy_from_slice(&plane[first..first + count]);
        line[count..].fill(0.0);
    }
}

/// Copies a panel back: the reverse of [`load`].
pub(crate) fn store(panel: &[f32], width: usize, first: usize, to: &mut [f32], pixels: usize) {
    let count = width.min(pixels - first);
    for (plane, line) in to.chunks_exact_mut(pixels).zip(panel.chunks_exact(width)) {
        plane[first..first + count].copy_from_slice(&line[..count]);
    }
}

/// Multiplies each value by its factor.
pub(crate) fn multiply(line: &mut [f32], factors: &[f32]) {
    line.iter_mut().zip(factors).for_each(|(value, factor)| *value *= factor);
}
