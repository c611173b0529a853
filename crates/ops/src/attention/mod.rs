//! Self-attention between the pixels of an image.

pub(crate) mod autodiff;
mod composed;
#[cfg(feature = "flex")]
mod flex;
pub(crate) mod kernels;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use crate::dispatch::Operations;

/// Computes self-attention between the pixels of each image: scaled dot-product attention without a
/// mask (Vaswani et al. 2017, arXiv:1706.03762), of queries, keys and values that one convolution
/// computed together.
///
/// The channels of `qkv` are those of q, then k, then v, each one head after another. In each head
/// of d channels, `p[i,j] = exp(q_i . k_j / sqrt(d)) / sum over l of exp(q_i . k_l / sqrt(d))` and
/// `y_i = sum over j of p[i,j] v_j`, where i, j and l are pixels.
///
/// The backward pass computes the `p` again: nothing of their size is kept for it.
///
/// # Shapes
/// - qkv: `[B, 3 C, H, W]`
/// - output: `[B, C, H, W]`, where C is `heads` times d
///
/// # Panics
/// If the channels are not three times a multiple of `heads`.
pub fn attention(qkv: Tensor<4>, heads: usize) -> Tensor<4> {
    let [_, channels, _, _] = qkv.dims();
    assert!(
        heads > 0 && channels > 0 && channels.is_multiple_of(3 * heads),
        "attention: {channels} channels are not q, k and v of {heads} heads"
    );
    Tensor::from_dispatch(Dispatch::pixel_attention(qkv.into_dispatch(), heads))
}
