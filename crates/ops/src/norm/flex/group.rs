//! Group normalisation of one group of one image.

use pulp::{Simd, WithSimd};

use crate::cpu::exp::sigmoid;
use crate::cpu::lanes::{map, map_with_sums, sums};

/// The mean and the inverse standard deviation of a group of an image.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    /// In f64: the rounding error of f32 may be large compared with the deviation.
    pub(crate) mean: f64,
    pub(crate) inverse_std: f32,
}

/// The normalisation of one group of one image.
pub(crate) struct Group<'a> {
    pub(crate) pixels: usize,
    pub(crate) epsilon: f64,
    pub(crate) silu: bool,
    pub(crate) shift: Option<&'a [f32]>,
    pub(crate) weight: &'a [f32],
    pub(crate) bias: &'a [f32],
}

impl Group<'_> {
    fn shift(&self, channel: usize) -> f64 {
        self.shift.map_or(0.0, |shift| f64::from(shift[channel]))
    }

    /// Computes what centres a channel's values about `centre` when added to them, as a sum of two
    /// f32: compared with a small deviation the rounding error of one may be large.
    fn offset(&self, channel: usize, centre: f64) -> [f32; 2] {
        let offset = self.shift(channel) - centre;
        let rounded = offset as f32;
        [rounded, (offset - f64::from(rounded)) as f32]
    }
}

/// The forward pass of a group.
pub(crate) struct Forward<'a> {
    pub(crate) group: Group<'a>,
    /// Holds x, and y at the end.
    pub(crate) y: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = Moments;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Moments {
        let Self { group, y } = self;
        let moments = moments(simd, &group, y);
        for (c, plane) in y.chunks_exact_mut(group.pixels).enumerate() {
            let [offset, rest] = group.offset(c, moments.mean);
            let scale = moments.inverse_std * group.weight[c];
            let [offset, scale, bias] =
                [offset, scale, group.bias[c] + rest * scale].map(|value| simd.splat_f32s(value));
            if group.silu {
                map(
                    simd,
                    plane,
                    #[inline(always)]
                    |x| {
                        let u = simd.mul_add_e_f32s(simd.add_f32s(x, offset), scale, bias);
                        simd.mul_f32s(u, sigmoid(simd, u))
                    },
                );
            } else {
                map(
                    simd,
                    plane,
                    #[inline(always)]
                    |x| simd.mul_add_e_f32s(simd.add_f32s(x, offset), scale, bias),
                );
            }
        }
        moments
    }
}

/// Computes a first mean: the first value plus the mean distance from it. Then computes mean and
/// variance from distances and squares about that. The second sum of distances is small and so
/// nearly exact: values far from zero lose no digits.
#[inline(always)]
fn moments<S: Simd>(simd: S, group: &Group<'_>, x: &[f32]) -> Moments {
    let count = x.len() as f64;
    let planes = || x.chunks_exact(group.pixels).enumerate();
    let pixels = group.pixels as f64;

    let first = f64::from(x[0]) + group.shift(0);
    let mut distances = 0.0;
    for (c, plane) in planes() {
        let offset = simd.splat_f32s(group.offset(c, first)[0]);
        let [sum] = sums(
            simd,
            plane,
            #[inline(always)]
            |x| [simd.add_f32s(x, offset)],
        );
        distances += sum;
    }
    let centre = first + distances / count;

    let (mut distances, mut squares) = (0.0, 0.0);
    for (c, plane) in planes() {
        let [offset, rest] = group.offset(c, centre);
        let (offset, rest) = (simd.splat_f32s(offset), f64::from(rest));
        let [sum, sum_of_squares] = sums(
            simd,
            plane,
            #[inline(always)]
            |x| {
                let distance = simd.add_f32s(x, offset);
                [distance, simd.mul_f32s(distance, distance)]
            },
        );
        distances += sum + pixels * rest;
        squares += sum_of_squares + rest * (2.0 * sum + pixels * rest);
    }
    let beside = distances / count;
    let variance = (squares / count - beside * beside).max(0.0);
    let inverse_std = (1.0 / (variance + group.epsilon).sqrt()) as f32;
    Moments { mean: centre + beside, inverse_std }
}

/// One channel's part of the gradients of weight and bias in one image, and its gradient of the
/// shift.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ChannelSums {
    pub(crate) weight: f64,
    pub(crate) bias: f64,
    pub(crate) shift: f64,
}

/// The backward pass of a group.
pub(crate) struct Backward<'a> {
    pub(crate) group: Group<'a>,
    pub(crate) x: &'a [f32],
    pub(crate) moments: Moments,
    /// Holds the gradient of y, and that of x at the end.
    pub(crate) grad: &'a mut [f32],
    pub(crate) sums: &'a mut [ChannelSums],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    /// Replaces the gradient of y by that of u = weight n + bias, where n is the normalised value.
    /// Then, with w = weight and the means over the group,
    /// `dx = inverse_std (w du - mean(w du) - n mean(w du n))`. The gradient of the shift is the
    /// sum of dx over the channel's pixels.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { group, x, moments, grad, sums } = self;
        let Moments { mean, inverse_std } = moments;
        let planes = || x.chunks_exact(group.pixels).enumerate();
        for (((c, x), du), sums) in
            planes().zip(grad.chunks_exact_mut(group.pixels)).zip(sums.iter_mut())
        {
            let [offset, rest] = group.offset(c, mean);
            let channel = Channel {
                offset,
                rest: rest * inverse_std,
                inverse_std,
                weight: group.weight[c],
                bias: group.bias[c],
            };
            // `sums.shift` holds the sum of n until it is completed below.
            [sums.weight, sums.bias, sums.shift] = if group.silu {
                channel.u_grad::<S, true>(simd, x, du)
            } else {
                channel.u_grad::<S, false>(simd, x, du)
            };
        }

        let weighted = |of: fn(&ChannelSums) -> f64| {
            let terms = sums.iter().zip(group.weight).map(|(sums, &w)| of(sums) * f64::from(w));
            terms.sum::<f64>() / x.len() as f64
        };
        let (mean_du, mean_du_n) = (weighted(|sums| sums.bias), weighted(|sums| sums.weight));
        let slope = -inverse_std * inverse_std * mean_du_n as f32;
        let constant = -inverse_std * mean_du as f32;
        for (((c, x), dx), sums) in planes().zip(grad.chunks_exact_mut(group.pixels)).zip(sums) {
            let [offset, rest] = group.offset(c, mean);
            let constant = simd.splat_f32s(constant + rest * slope);
            let [offset, slope, scale] =
                [offset, slope, inverse_std * group.weight[c]].map(|value| simd.splat_f32s(value));
            map_with_sums(
                simd,
                x,
                dx,
                #[inline(always)]
                |x, du| {
                    let rest = simd.mul_add_e_f32s(simd.add_f32s(x, offset), slope, constant);
                    (simd.mul_add_e_f32s(du, scale, rest), [])
                },
            );
            let sum_du = f64::from(group.weight[c]) * sums.bias;
            let sum_means = group.pixels as f64 * mean_du + sums.shift * mean_du_n;
            sums.shift = f64::from(inverse_std) * (sum_du - sum_means);
        }
    }
}

/// What the pixels of one channel of one image share.
struct Channel {
    offset: f32,
    inverse_std: f32,
    /// Corrects the offset's rounding: `n = (x + offset) inverse_std + rest`
    rest: f32,
    weight: f32,
    bias: f32,
}

impl Channel {
    /// Replaces the gradient of y by that of u; returns the sums of `du n`, du and n.
    ///
    /// `d(u s) / du = s (1 + u (1 - s))`, where s is the sigmoid of u.
    #[inline(always)]
    fn u_grad<S: Simd, const SILU: bool>(self, simd: S, x: &[f32], grad: &mut [f32]) -> [f64; 3] {
        let [offset, inverse_std, rest, weight, bias] =
            [self.offset, self.inverse_std, self.rest, self.weight, self.bias]
                .map(|value| simd.splat_f32s(value));
        let one = simd.splat_f32s(1.0);
        map_with_sums(
            simd,
            x,
            grad,
            #[inline(always)]
            |x, dy| {
                let n = simd.mul_add_e_f32s(simd.add_f32s(x, offset), inverse_std, rest);
                let du = if SILU {
                    let u = simd.mul_add_e_f32s(n, weight, bias);
                    let s = sigmoid(simd, u);
                    let slope = simd.mul_add_e_f32s(u, simd.sub_f32s(one, s), one);
                    simd.mul_f32s(dy, simd.mul_f32s(s, slope))
                } else {
                    dy
                };
                (du, [simd.mul_f32s(du, n), du, n])
            },
        )
    }
}
