//! Self-attention and its derivative, composed of Burn's operations: the path of backends without
//! kernels of this crate.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::Slice;
use burn::tensor::ops::AttentionModuleOptions;

use crate::half::{in_type, is_half, widen};

/// Computes the output: `[B, 3 C, H, W] -> [B, C, H, W]`.
pub(crate) fn forward<B: Backend>(qkv: FloatTensor<B>, heads: usize) -> FloatTensor<B> {
    let [b, channels, h, w] = qkv.shape().dims();
    if is_half::<B>(&qkv) {
        let (dtype, scale) = (qkv.dtype(), scale(channels, heads));
        let [q, k, v] = split::<B>(qkv, heads);
        let p = in_type::<B>(probabilities::<B>(q, k, scale), dtype);
        let y = B::float_matmul(v, B::float_swap_dims(p, 2, 3));
        return B::float_reshape(y, [b, channels / 3, h, w].into());
    }
    let [q, k, v] = split::<B>(qkv, heads).map(|part| B::float_swap_dims(part, 2, 3));
    let y = B::attention(q, k, v, None, None, AttentionModuleOptions::default());
    B::float_reshape(B::float_swap_dims(y, 2, 3), [b, channels / 3, h, w].into())
}

/// Computes the gradient of qkv, `[B, 3 C, H, W]`.
///
/// With g the gradient of the output, `dv = g p`, `dp = g^T v`,
/// `ds = p * (dp - sum over keys of p * dp) / sqrt(d)`, `dq = k ds^T` and `dk = q ds`. The rows of
/// p `[queries, keys]` are pixels; the rows of all others are channels.
pub(crate) fn backward<B: Backend>(
    qkv: FloatTensor<B>,
    grad: FloatTensor<B>,
    heads: usize,
) -> FloatTensor<B> {
    let shape = qkv.shape();
    let [b, channels, h, w] = shape.dims();
    let (dtype, scale) = (qkv.dtype(), scale(channels, heads));
    let [q, k, v] = split::<B>(qkv, heads);
    let g = B::float_reshape(grad, v.shape());
    let transposed = |tensor| B::float_swap_dims(tensor, 2, 3);

    let p = probabilities::<B>(q.clone(), k.clone(), scale);
    let dv = B::float_matmul(g.clone(), in_type::<B>(p.clone(), dtype));
    let dp = widen::<B>(B::float_matmul(transposed(g), v));
    let mean = B::float_sum_dim(B::float_mul(p.clone(), dp.clone()), 3);
    let ds = B::float_mul(p, B::float_sub(dp, mean));
    let ds = in_type::<B>(B::float_mul_scalar(ds, scale.into()), dtype);
    let dq = B::float_matmul(k, transposed(ds.clone()));
    let dk = B::float_matmul(q, ds);
    let parts = [dq, dk, dv];
    let parts = parts.map(|part| B::float_reshape(part, [b, channels / 3, h, w].into()));
    B::float_cat(parts.into(), 1)
}

/// Computes `1 / sqrt(d)` from the channels of q, k and v together.
fn scale(channels: usize, heads: usize) -> f64 {
    ((channels / 3 / heads) as f64).sqrt().recip()
}

/// Computes `softmax(q^T k scale)`, `[B, heads, queries, keys]`, in f32 where q and k have 16 bits.
/// There the factor is applied before the product: f16 ends at 65504, and a product over 256
/// channels easily exceeds that.
fn probabilities<B: Backend>(q: FloatTensor<B>, k: FloatTensor<B>, scale: f64) -> FloatTensor<B> {
    let transposed = B::float_swap_dims(q, 2, 3);
    let scores = if is_half::<B>(&transposed) {
        widen::<B>(B::float_matmul(B::float_mul_scalar(transposed, scale.into()), k))
    } else {
        B::float_mul_scalar(B::float_matmul(transposed, k), scale.into())
    };
    B::softmax(scores, 3)
}

/// Splits qkv into q, k and v, each `[B, heads, d, H W]`.
fn split<B: Backend>(qkv: FloatTensor<B>, heads: usize) -> [FloatTensor<B>; 3] {
    let [b, channels, h, w] = qkv.shape().dims();
    let each = channels / 3;
    [0, 1, 2].map(|part| {
        let slices = [0..b, part * each..(part + 1) * each, 0..h, 0..w].map(Slice::from);
        let part = B::float_slice(qkv.clone(), &slices);
        B::float_reshape(part, [b, heads, each / heads, h * w].into())
    })
}
