//! The two computations of an attention, backend by backend.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::Slice;
use burn::tensor::ops::AttentionModuleOptions;

use crate::attention::PixelAttention;
use crate::half::{in_type, is_half, widen};

/// An attention and its derivative. What a backend does not write itself is arranged from Burn's
/// operations.
pub(crate) trait AttentionKernels: Backend {
    /// `[B, 3 C, H, W] -> [B, C, H, W]`
    fn attention_forward(qkv: FloatTensor<Self>, heads: usize) -> FloatTensor<Self> {
        forward::<Self>(qkv, heads)
    }

    /// The gradient of qkv, `[B, 3 C, H, W]`, from that of the output, `[B, C, H, W]`.
    fn attention_grad(
        qkv: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        heads: usize,
    ) -> FloatTensor<Self> {
        backward::<Self>(qkv, grad, heads)
    }
}

fn forward<B: Backend>(qkv: FloatTensor<B>, heads: usize) -> FloatTensor<B> {
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

/// With g the gradient of the output: `dv = g p`, `dp = g^T v`,
/// `ds = p * (dp - sum over keys of p * dp) / sqrt(d)`, `dq = k ds^T`, `dk = q ds`, pixels along
/// the rows of p `[queries, keys]` and channels along those of the rest.
fn backward<B: Backend>(qkv: FloatTensor<B>, grad: FloatTensor<B>, heads: usize) -> FloatTensor<B> {
    let shape = qkv.shape();
    let [b, channels, h, w] = shape.dims();
    let (dtype, scale) = (qkv.dtype(), scale(channels, heads));
    let [q, k, v] = split::<B>(qkv, heads);
    let g = B::float_reshape(grad, v.shape());
    let turn = |tensor| B::float_swap_dims(tensor, 2, 3);

    let p = probabilities::<B>(q.clone(), k.clone(), scale);
    let dv = B::float_matmul(g.clone(), in_type::<B>(p.clone(), dtype));
    let dp = widen::<B>(B::float_matmul(turn(g), v));
    let mean = B::float_sum_dim(B::float_mul(p.clone(), dp.clone()), 3);
    let ds = B::float_mul(p, B::float_sub(dp, mean));
    let ds = in_type::<B>(B::float_mul_scalar(ds, scale.into()), dtype);
    let dq = B::float_matmul(k, turn(ds.clone()));
    let dk = B::float_matmul(q, ds);
    let parts = [dq, dk, dv];
    let parts = parts.map(|part| B::float_reshape(part, [b, channels / 3, h, w].into()));
    B::float_cat(parts.into(), 1)
}

/// `1 / sqrt(d)`, of all channels of q, k and v.
fn scale(channels: usize, heads: usize) -> f64 {
    ((channels / 3 / heads) as f64).sqrt().recip()
}

/// `softmax(q^T k scale)`, `[B, heads, queries, keys]`, in f32 where q and k have 16 bits. There the
/// factor comes first: f16 ends at 65504, and a product of 256 channels is soon beyond.
fn probabilities<B: Backend>(q: FloatTensor<B>, k: FloatTensor<B>, scale: f64) -> FloatTensor<B> {
    let turned = B::float_swap_dims(q, 2, 3);
    let scores = if is_half::<B>(&turned) {
        widen::<B>(B::float_matmul(B::float_mul_scalar(turned, scale.into()), k))
    } else {
        B::float_mul_scalar(B::float_matmul(turned, k), scale.into())
    };
    B::softmax(scores, 3)
}

/// q, k and v, each `[B, heads, d, H W]`.
fn split<B: Backend>(qkv: FloatTensor<B>, heads: usize) -> [FloatTensor<B>; 3] {
    let [b, channels, h, w] = qkv.shape().dims();
    let each = channels / 3;
    [0, 1, 2].map(|part| {
        let slices = [0..b, part * each..(part + 1) * each, 0..h, 0..w].map(Slice::from);
        let part = B::float_slice(qkv.clone(), &slices);
        B::float_reshape(part, [b, heads, each / heads, h * w].into())
    })
}

#[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]
impl AttentionKernels for burn::backend::Cube {}

#[cfg(feature = "ndarray")]
impl AttentionKernels for burn::backend::NdArray {}

/// Without autodiff only the forward pass is asked for.
macro_rules! forward_only {
    ($backend:ty) => {
        impl PixelAttention for $backend {
            fn pixel_attention(qkv: FloatTensor<Self>, heads: usize) -> FloatTensor<Self> {
                Self::attention_forward(qkv, heads)
            }
        }
    };
}

#[cfg(feature = "flex")]
forward_only!(burn::backend::Flex);
#[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]
forward_only!(burn::backend::Cube);
#[cfg(feature = "ndarray")]
forward_only!(burn::backend::NdArray);

/// The kernels written here for f32 and, between their borders, for 16 bits, as for convolutions.
#[cfg(feature = "flex")]
impl AttentionKernels for burn::backend::Flex {
    fn attention_forward(qkv: FloatTensor<Self>, heads: usize) -> FloatTensor<Self> {
        if is_half::<Self>(&qkv) {
            let dtype = qkv.dtype();
            return in_type::<Self>(Self::attention_forward(widen::<Self>(qkv), heads), dtype);
        }
        if !ours(&qkv) {
            return forward::<Self>(qkv, heads);
        }
        let [b, channels, h, w] = qkv.shape().dims();
        let qkv = qkv.to_contiguous();
        let y = flex::forward(flex_shape(&qkv, heads), values(&qkv));
        tensor(y, [b, channels / 3, h, w])
    }

    fn attention_grad(
        qkv: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        heads: usize,
    ) -> FloatTensor<Self> {
        if is_half::<Self>(&qkv) {
            let (dtype, grad) = (qkv.dtype(), widen::<Self>(grad));
            let dqkv = Self::attention_grad(widen::<Self>(qkv), grad, heads);
            return in_type::<Self>(dqkv, dtype);
        }
        if !ours(&qkv) {
            return backward::<Self>(qkv, grad, heads);
        }
        let dims: [usize; 4] = qkv.shape().dims();
        let (qkv, grad) = (qkv.to_contiguous(), grad.to_contiguous());
        tensor(flex::backward(flex_shape(&qkv, heads), values(&qkv), values(&grad)), dims)
    }
}

#[cfg(feature = "flex")]
use crate::attention::flex;
#[cfg(feature = "flex")]
use crate::conv::kernels::on_flex::ours;
#[cfg(feature = "flex")]
use crate::cpu::{tensor, values};

#[cfg(feature = "flex")]
fn flex_shape(qkv: &FloatTensor<burn::backend::Flex>, heads: usize) -> flex::AttentionShape {
    let [_, channels, h, w] = qkv.shape().dims();
    flex::AttentionShape { heads, channels: channels / 3 / heads, pixels: h * w }
}
