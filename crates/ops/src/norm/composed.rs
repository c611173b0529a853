//! Group normalisation and its derivative, composed of Burn's operations: the path of backends
//! without kernels of this crate.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};

use super::inputs::{NormGrads, NormInputs, NormOptions, Statistics};
use crate::half::{in_type, widen};

/// Computes y `[B, C, H, W]` in the type of x, and the statistics of the shifted x. 16-bit inputs
/// are computed in f32.
pub(crate) fn forward<B: Backend>(
    inputs: NormInputs<B>,
    options: NormOptions,
) -> (FloatTensor<B>, Statistics<B>) {
    let dtype = inputs.x.dtype();
    let (y, statistics) = wide_forward(widened(inputs), options);
    (in_type::<B>(y, dtype), statistics)
}

/// Computes the gradients, each in the type of its input. 16-bit inputs are computed in f32.
pub(crate) fn backward<B: Backend>(
    inputs: NormInputs<B>,
    statistics: Statistics<B>,
    grad: FloatTensor<B>,
    options: NormOptions,
) -> NormGrads<B> {
    let x_type = inputs.x.dtype();
    let shift_type = inputs.shift.as_ref().map_or(x_type, |shift| shift.dtype());
    let (weight_type, bias_type) = (inputs.weight.dtype(), inputs.bias.dtype());
    let grads = wide_backward(widened(inputs), statistics, widen::<B>(grad), options);
    NormGrads {
        x: in_type::<B>(grads.x, x_type),
        shift: grads.shift.map(|grad| in_type::<B>(grad, shift_type)),
        weight: in_type::<B>(grads.weight, weight_type),
        bias: in_type::<B>(grads.bias, bias_type),
    }
}

fn widened<B: Backend>(inputs: NormInputs<B>) -> NormInputs<B> {
    NormInputs {
        x: widen::<B>(inputs.x),
        shift: inputs.shift.map(widen::<B>),
        weight: widen::<B>(inputs.weight),
        bias: widen::<B>(inputs.bias),
    }
}

fn wide_forward<B: Backend>(
    inputs: NormInputs<B>,
    options: NormOptions,
) -> (FloatTensor<B>, Statistics<B>) {
    let sizes = Sizes::new::<B>(&inputs.x, options.groups);
    let shape = inputs.x.shape();
    let h = sizes.by_group::<B>(shifted::<B>(inputs.x, inputs.shift, &sizes));
    let mean = B::float_mean_dim(h.clone(), 2);
    let centred = B::float_sub(h, mean.clone());
    let variance = B::float_mean_dim(B::float_mul(centred.clone(), centred.clone()), 2);
    let std = B::float_sqrt(B::float_add_scalar(variance, options.epsilon.into()));
    let inverse_std = B::float_recip(std);
    let n = sizes.by_channel::<B>(B::float_mul(centred, inverse_std.clone()));
    let u = affine::<B>(n, inputs.weight, inputs.bias);
    let y = if options.silu { B::float_mul(u.clone(), sigmoid::<B>(u)) } else { u };
    (B::float_reshape(y, shape), Statistics { mean, inverse_std })
}

/// Computes the gradients. With u = weight n + bias, where n are the normalised values, du the
/// gradient of u, w = weight, and the means over a group,
/// `dx = inverse_std (w du - mean(w du) - n mean(w du n))`. The gradient of weight is the sum of
/// `du n`, that of bias the sum of du, that of shift the sum of dx over the pixels.
fn wide_backward<B: Backend>(
    inputs: NormInputs<B>,
    statistics: Statistics<B>,
    grad: FloatTensor<B>,
    options: NormOptions,
) -> NormGrads<B> {
    let sizes = Sizes::new::<B>(&inputs.x, options.groups);
    let shape = inputs.x.shape();
    let (with_shift, weight) = (inputs.shift.is_some(), inputs.weight);
    let h = sizes.by_group::<B>(shifted::<B>(inputs.x, inputs.shift, &sizes));
    let Statistics { mean, inverse_std } = statistics;
    let n_groups = B::float_mul(B::float_sub(h, mean), inverse_std.clone());
    let n = sizes.by_channel::<B>(n_groups.clone());

    let grad = sizes.by_channel::<B>(grad);
    let du = if options.silu {
        B::float_mul(grad, silu_slope::<B>(affine::<B>(n.clone(), weight.clone(), inputs.bias)))
    } else {
        grad
    };
    let weight_grad = over_images_and_pixels::<B>(B::float_mul(du.clone(), n), &sizes);
    let bias_grad = over_images_and_pixels::<B>(du.clone(), &sizes);

    let dn = sizes.by_group::<B>(B::float_mul(du, per_channel::<B>(weight)));
    let mean_dn = B::float_mean_dim(dn.clone(), 2);
    let mean_dn_n = B::float_mean_dim(B::float_mul(dn.clone(), n_groups.clone()), 2);
    let dx = B::float_sub(B::float_sub(dn, mean_dn), B::float_mul(n_groups, mean_dn_n));
    let dx = sizes.by_channel::<B>(B::float_mul(dx, inverse_std));
    let shift_grad = with_shift.then(|| {
        let sums = B::float_sum_dim(dx.clone(), 2);
        B::float_reshape(sums, [sizes.batch, sizes.channels].into())
    });
    NormGrads {
        x: B::float_reshape(dx, shape),
        shift: shift_grad,
        weight: weight_grad,
        bias: bias_grad,
    }
}

struct Sizes {
    batch: usize,
    channels: usize,
    groups: usize,
    pixels: usize,
}

impl Sizes {
    fn new<B: Backend>(x: &FloatTensor<B>, groups: usize) -> Self {
        let [batch, channels, height, width] = x.shape().dims();
        Self { batch, channels, groups, pixels: height * width }
    }

    /// Reshapes to `[B, C, HW]`.
    fn by_channel<B: Backend>(&self, x: FloatTensor<B>) -> FloatTensor<B> {
        B::float_reshape(x, [self.batch, self.channels, self.pixels].into())
    }

    /// Reshapes to `[B, G, C/G HW]`.
    fn by_group<B: Backend>(&self, x: FloatTensor<B>) -> FloatTensor<B> {
        let len = self.channels / self.groups * self.pixels;
        B::float_reshape(x, [self.batch, self.groups, len].into())
    }
}

fn shifted<B: Backend>(
    x: FloatTensor<B>,
    shift: Option<FloatTensor<B>>,
    sizes: &Sizes,
) -> FloatTensor<B> {
    match shift {
        Some(shift) => {
            let shape = [sizes.batch, sizes.channels, 1, 1];
            B::float_add(x, B::float_reshape(shift, shape.into()))
        }
        None => x,
    }
}

/// Reshapes a parameter: `[C] -> [1, C, 1]`.
fn per_channel<B: Backend>(parameter: FloatTensor<B>) -> FloatTensor<B> {
    let [channels] = parameter.shape().dims();
    B::float_reshape(parameter, [1, channels, 1].into())
}

/// Computes `weight n + bias` for n `[B, C, HW]`.
fn affine<B: Backend>(
    n: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: FloatTensor<B>,
) -> FloatTensor<B> {
    B::float_add(B::float_mul(n, per_channel::<B>(weight)), per_channel::<B>(bias))
}

/// Computes `1 / (1 + exp(-u))` in the type of u. Burn's own function takes a detour through f32.
fn sigmoid<B: Backend>(u: FloatTensor<B>) -> FloatTensor<B> {
    B::float_recip(B::float_add_scalar(B::float_exp(B::float_neg(u)), 1.0.into()))
}

/// Computes `d silu(u) / du = s (1 + u (1 - s))`, where s is the sigmoid of u.
fn silu_slope<B: Backend>(u: FloatTensor<B>) -> FloatTensor<B> {
    let s = sigmoid::<B>(u.clone());
    let rest = B::float_add_scalar(B::float_neg(s.clone()), 1.0.into());
    B::float_mul(s, B::float_add_scalar(B::float_mul(u, rest), 1.0.into()))
}

/// Sums over images and pixels: `[B, C, HW] -> [C]`.
fn over_images_and_pixels<B: Backend>(x: FloatTensor<B>, sizes: &Sizes) -> FloatTensor<B> {
    let per_image = B::float_sum_dim(x, 2); // [B, C, 1]
    B::float_reshape(B::float_sum_dim(per_image, 0), [sizes.channels].into())
}
