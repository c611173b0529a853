//! Attention: the backward pass.
//!
//! With p the probabilities `[keys, queries]`, g the gradient of the output and s the scale, for
//! each head
//!
//! ```text
//! dv = g p^T            dp = v^T g
//! ds = p * (dp - sum over keys of p * dp)
//! dq = s k ds           dk = s q ds^T
//! ```
//!
//! all `[channels, pixels]` but dp and ds, `[keys, queries]`. As in the forward pass a panel of
//! queries is taken at a time; dk and dv are sums over the panels, in order.

use rayon::prelude::*;

use super::softmax::ScoreGrads;
use super::{AttentionShape, Panel, Tables, load, multiply, store};
use crate::conv::flex::pack::Buffer;
use crate::cpu::product::{Product, panel_width};
use crate::cpu::transpose::transpose;

/// The gradient of qkv, `[B, (q k v) heads C, N]`, from qkv and that of the output,
/// `[B, heads C, N]`.
pub(crate) fn backward(shape: AttentionShape, qkv: &[f32], grad: &[f32]) -> Vec<f32> {
    let (image, head) = (shape.image(), shape.head());
    let tables = Tables::new(shape);
    let mut out = vec![0.0; qkv.len()];
    let images = qkv.par_chunks(3 * image).zip(grad.par_chunks(image));
    out.par_chunks_mut(3 * image).zip(images).for_each(|(out, (qkv, grad))| {
        let (dq, dkv) = out.split_at_mut(image);
        let (dk, dv) = dkv.split_at_mut(image);
        let grads = dq.par_chunks_mut(head).zip(dk.par_chunks_mut(head));
        grads.zip(dv.par_chunks_mut(head)).enumerate().for_each(|(i, ((dq, dk), dv))| {
            let [q, k, v] = [0, 1, 2].map(|part| &qkv[part * image + i * head..][..head]);
            let g = &grad[i * head..][..head];
            let mut sums = Head::new(&tables, k, v);
            for first in (0..shape.pixels).step_by(shape.width()) {
                sums.queries(q, k, g, first, dq);
            }
            sums.finish(dk, dv);
        });
    });
    out
}

/// The work on one head.
struct Head<'a> {
    tables: &'a Tables,
    panel: Panel,
    tiled_k: Buffer,
    tiled_v: Buffer,
    /// The output's gradient over the sums of its queries' exponentials: `[channels, width]`
    g: Buffer,
    /// First of p, then of the scores: `[keys, width]`
    ds: Buffer,
    /// `[channels, width]`
    dq: Buffer,
    /// A panel's q or g with the queries along the rows: `[width, channel_width]` for each panel
    /// of channels.
    turned: Buffer,
    /// Sums over the queries so far: `[keys, channel_width]` for each panel of channels.
    dk: Buffer,
    dv: Buffer,
    /// Addresses of `[keys, width]`.
    keys: Vec<u32>,
    queries: Vec<u32>,
}

impl<'a> Head<'a> {
    fn new(tables: &'a Tables, k: &[f32], v: &[f32]) -> Self {
        let shape = tables.shape;
        let (width, channels) = (shape.width(), shape.channels);
        let padded_channels = channels.next_multiple_of(panel_width(channels));
        Self {
            tables,
            panel: Panel::new(shape),
            tiled_k: tables.tiled(k),
            tiled_v: tables.tiled(v),
            g: Buffer::zeros(channels * width),
            ds: Buffer::zeros(shape.pixels * width),
            dq: Buffer::zeros(channels * width),
            turned: Buffer::zeros(padded_channels * width),
            dk: Buffer::zeros(padded_channels * shape.pixels),
            dv: Buffer::zeros(padded_channels * shape.pixels),
            keys: (0..shape.pixels).map(|i| (i * width) as u32).collect(),
            queries: (0..width as u32).collect(),
        }
    }

    /// What the panel of queries from pixel `first` on gives: its part of dq, and a term of all of
    /// dk and dv.
    fn queries(&mut self, q: &[f32], k: &[f32], g: &[f32], first: usize, dq: &mut [f32]) {
        let Tables { shape, planes, pixels, tiled_pixels, tiled_channels } = self.tables;
        let width = shape.width();
        self.panel.exponentials(self.tables, q, &self.tiled_k, first);
        load(g, shape.pixels, first, &mut self.g, width);
        for line in self.g.chunks_exact_mut(width) {
            multiply(line, &self.panel.inverse_sums);
        }
        let (rows, cols) = (tiled_pixels, tiled_channels);
        Product { a: &self.tiled_v, rows, cols, b: &self.g, out: &mut self.ds, accumulate: false }
            .run();
        let inverse_sums = &self.panel.inverse_sums;
        ScoreGrads { e: &self.panel.e, grads: &mut self.ds, inverse_sums }.run();

        let (rows, cols) = (planes, pixels);
        Product { a: k, rows, cols, b: &self.ds, out: &mut self.dq, accumulate: false }.run();
        let scale = shape.scale();
        self.dq.iter_mut().for_each(|dq| *dq *= scale);
        store(&self.dq, width, first, dq, shape.pixels);

        turn(&self.g, *shape, &mut self.turned);
        self.add(Of::V);
        turn(&self.panel.q, *shape, &mut self.turned); // with the scale of dk
        self.add(Of::K);
    }

    /// Adds `[keys, queries]` times `turned` to dk or dv.
    fn add(&mut self, of: Of) {
        let AttentionShape { channels, pixels, .. } = self.tables.shape;
        let channel_width = panel_width(channels);
        let (a, sums) = match of {
            Of::K => (&self.ds, &mut self.dk),
            Of::V => (&self.panel.e, &mut self.dv),
        };
        let panels = self.turned.chunks_exact(self.queries.len() * channel_width);
        for (b, out) in panels.zip(sums.chunks_exact_mut(pixels * channel_width)) {
            Product { a, rows: &self.keys, cols: &self.queries, b, out, accumulate: true }.run();
        }
    }

    fn finish(self, dk: &mut [f32], dv: &mut [f32]) {
        let AttentionShape { channels, pixels, .. } = self.tables.shape;
        let width = panel_width(channels);
        for (sums, out) in [(&self.dk, dk), (&self.dv, dv)] {
            let panels = sums.chunks_exact(pixels * width);
            for (sums, out) in panels.zip(out.chunks_mut(width * pixels)) {
                transpose(sums, width, out, pixels, pixels, out.len() / pixels);
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Of {
    K,
    V,
}

/// `[channels, width]` to `[width, channel_width]` for each panel of channels.
fn turn(panel: &[f32], shape: AttentionShape, turned: &mut [f32]) {
    let width = shape.width();
    let channel_width = panel_width(shape.channels);
    let panels = turned.chunks_exact_mut(width * channel_width);
    for (from, to) in panel.chunks(channel_width * width).zip(panels) {
        transpose(from, width, to, channel_width, from.len() / width, width);
    }
}
