//! Attention: the backward pass.
//!
//! With p the probabilities `[keys, queries]`, g the gradient of the output and s the scale, each
//! head has
//!
//! ```text
//! dv = g p^T            dp = v^T g
//! ds = p * (dp - sum over keys of p * dp)
//! dq = s k ds           dk = s q ds^T
//! ```
//!
//! where dp and ds are `[keys, queries]` and all others `[channels, pixels]`. As in the forward
//! pass, one panel of queries is computed at a time; dk and dv are sums over the panels, in order.

use rayon::prelude::*;

use super::forward::{AttentionShape, Panel, Tables, load, multiply, store};
use super::softmax::ScoreGrads;
use crate::cpu::buffer::Buffer;
use crate::cpu::product::{Product, panel_width};
use crate::cpu::transpose::transpose;

/// Computes the gradient of qkv, `[B, (q k v) heads C, N]`, from qkv and the gradient of the
/// output, `[B, heads C, N]`.
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

/// The working memory for one head, and what it is computed from.
struct Head<'a> {
    tables: &'a Tables,
    panel: Panel,
    tiled_k: Buffer,
    tiled_v: Buffer,
    /// The output's gradient, divided by the sums of its queries' exponentials: `[channels, width]`
    g: Buffer,
    /// The gradient of p, then that of the scores: `[keys, width]`
    ds: Buffer,
    /// `[channels, width]`
    dq: Buffer,
    /// A panel's q or g with the queries along the rows: for each panel of channels,
    /// `[width, channel_width]`.
    transposed: Buffer,
    /// The sum over the queries so far: for each panel of channels, `[keys, channel_width]`.
    dk: Buffer,
    /// As dk.
    dv: Buffer,
    /// The addresses of the rows of `[keys, width]`.
    keys: Vec<u32>,
    /// The addresses of its columns.
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
            transposed: Buffer::zeros(padded_channels * width),
            dk: Buffer::zeros(padded_channels * shape.pixels),
            dv: Buffer::zeros(padded_channels * shape.pixels),
            keys: (0..shape.pixels).map(|i| (i * width) as u32).collect(),
            queries: (0..width as u32).collect(),
        }
    }

    /// Computes the part of dq that belongs to the panel of queries from pixel `first` on, and adds
    /// the panel's terms to all of dk and dv.
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

        transpose_panel(&self.g, *shape, &mut self.transposed);
        self.add(Term::Dv);
        transpose_panel(&self.panel.q, *shape, &mut self.transposed); // q has the scale of dk
        self.add(Term::Dk);
    }

    /// Adds `[keys, queries]` times `transposed` to dk or dv.
    fn add(&mut self, term: Term) {
        let AttentionShape { channels, pixels, .. } = self.tables.shape;
        let channel_width = panel_width(channels);
        let (a, sums) = match term {
            Term::Dk => (&self.ds, &mut self.dk),
            Term::Dv => (&self.panel.e, &mut self.dv),
        };
        let panels = self.transposed.chunks_exact(self.queries.len() * channel_width);
        for (b, out) in panels.zip(sums.chunks_exact_mut(pixels * channel_width)) {
            Product { a, rows: &self.keys, cols: &self.queries, b, out, accumulate: true }.run();
        }
    }

    /// Stores dk and dv, `[channels, pixels]`.
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

/// The sums that a panel of queries adds to.
#[derive(Clone, Copy)]
enum Term {
    Dk,
    Dv,
}

/// Transposes `[channels, width]` to `[width, channel_width]` for each panel of channels.
fn transpose_panel(panel: &[f32], shape: AttentionShape, transposed: &mut [f32]) {
    let width = shape.width();
    let channel_width = panel_width(shape.channels);
    let panels = transposed.chunks_exact_mut(width * channel_width);
    for (from, to) in panel.chunks(channel_width * width).zip(panels) {
        transpose(from, width, to, channel_width, from.len() / width, width);
    }
}
