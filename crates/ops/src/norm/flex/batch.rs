//! Group normalisation of a batch: one pass over memory forward, one backward.
//!
//! A group of one image is small enough to stay in a core's cache. The several sweeps over it (for
//! the mean, then the variance about it, then the values) read it from there. Threads share the
//! groups of all images and never a sum.

use pulp::Arch;
use rayon::prelude::*;

use super::group::{Backward, ChannelSums, Forward, Group, Moments};

/// A normalisation of all images: its sizes, and the values that belong to channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Norm<'a> {
    pub(crate) channels: usize,
    pub(crate) groups: usize,
    /// The pixels of a channel.
    pub(crate) pixels: usize,
    pub(crate) epsilon: f64,
    pub(crate) silu: bool,
    /// What is added to x before all else: `[B, C]`
    pub(crate) shift: Option<&'a [f32]>,
    pub(crate) weight: &'a [f32],
    pub(crate) bias: &'a [f32],
}

/// The gradients of all inputs but x.
pub(crate) struct ParameterGrads {
    /// `[B, C]`
    pub(crate) shift: Vec<f32>,
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

impl<'a> Norm<'a> {
    /// Replaces x `[B, C, H, W]` by y; returns the moments of each group of each image, `[B, G]`.
    pub(crate) fn forward(&self, x: &mut [f32]) -> Vec<Moments> {
        let len = self.group_channels() * self.pixels;
        let mut moments = vec![Moments::default(); x.len() / len];
        x.par_chunks_mut(len).zip(&mut moments).enumerate().with_min_len(fair_share(len)).for_each(
            |(i, (y, moments))| {
                *moments = Arch::new().dispatch(Forward { group: self.group(i), y });
            },
        );
        moments
    }

    /// Replaces the gradient of y `[B, C, H, W]` by that of x.
    pub(crate) fn backward(
        &self,
        x: &[f32],
        moments: &[Moments],
        grad: &mut [f32],
    ) -> ParameterGrads {
        let len = self.group_channels() * self.pixels;
        let mut sums = vec![ChannelSums::default(); x.len() / self.pixels];
        grad.par_chunks_mut(len)
            .zip(x.par_chunks(len))
            .zip(sums.par_chunks_mut(self.group_channels()))
            .zip(moments)
            .enumerate()
            .with_min_len(fair_share(len))
            .for_each(|(i, (((grad, x), sums), &moments))| {
                let group = self.group(i);
                Arch::new().dispatch(Backward { group, x, moments, grad, sums });
            });

        let over_images = |of: fn(&ChannelSums) -> f64| {
            (0..self.channels)
                .map(|c| sums[c..].iter().step_by(self.channels).map(of).sum::<f64>() as f32)
                .collect()
        };
        ParameterGrads {
            weight: over_images(|sums| sums.weight),
            bias: over_images(|sums| sums.bias),
            shift: sums.iter().map(|sums| sums.shift as f32).collect(),
        }
    }

    fn group_channels(&self) -> usize {
        self.channels / self.groups
    }

    /// Returns group `i`, counted through all images.
    fn group(&self, i: usize) -> Group<'a> {
        let each = self.group_channels();
        let first = i % self.groups * each;
        Group {
            pixels: self.pixels,
            epsilon: self.epsilon,
            silu: self.silu,
            shift: self.shift.map(|shift| &shift[i * each..][..each]),
            weight: &self.weight[first..][..each],
            bias: &self.bias[first..][..each],
        }
    }
}

/// Chooses how many groups a thread takes at least, for the sharing to pay off.
fn fair_share(len: usize) -> usize {
    const VALUES: usize = 8192;
    (VALUES / len).max(1)
}
