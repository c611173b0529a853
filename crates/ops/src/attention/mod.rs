//! Self-attention: the public function, its place in Burn's dispatch, its derivative.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

#[cfg(feature = "flex")]
mod flex;
mod kernels;

use kernels::AttentionKernels;

/// Self-attention between the pixels of each image: scaled dot-product attention without a mask
/// (Vaswani et al. 2017) of queries, keys and values that one convolution has made together.
///
/// The channels of `qkv` are those of q, then k, then v, each head after head. In each head, with
/// d channels a head, `p[i,j] = exp(q_i . k_j / sqrt(d)) / sum over l of exp(q_i . k_l / sqrt(d))`
/// and `y_i = sum over j of p[i,j] v_j`, i, j and l pixels.
///
/// Nothing as large as all the `p` is kept for the backward pass, which computes them again.
///
/// # Shapes
/// - qkv: `[B, 3 C, H, W]`
/// - output: `[B, C, H, W]`, C the heads times d
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

/// Routes [`attention`] to the backend of its tensor, and through autodiff where it is tracked.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm")),
    NdArray: cfg(feature = "ndarray"),
    Autodiff
)]
pub(crate) trait PixelAttention: Backend {
    fn pixel_attention(qkv: FloatTensor<Self>, heads: usize) -> FloatTensor<Self>;
}

impl<B: AttentionKernels, C: CheckpointStrategy> PixelAttention for Autodiff<B, C> {
    fn pixel_attention(qkv: FloatTensor<Self>, heads: usize) -> FloatTensor<Self> {
        match Attention.prepare::<C>([qkv.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let saved = Saved { qkv: prep.checkpoint(&qkv), heads };
                prep.finish(saved, B::attention_forward(qkv.into_primitive(), heads))
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::attention_forward(qkv.into_primitive(), heads))
            }
        }
    }
}

/// What the backward pass needs of the forward pass.
#[derive(Clone, Debug)]
struct Saved {
    qkv: NodeId,
    heads: usize,
}

#[derive(Debug)]
struct Attention;

impl<B: AttentionKernels> Backward<B, 1> for Attention {
    type State = Saved;

    fn backward(self, ops: Ops<Saved, 1>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let Saved { qkv, heads } = ops.state;
        let qkv = checkpointer.retrieve_node_output::<FloatTensor<B>>(qkv);
        let [parent] = ops.parents;
        if let Some(node) = parent {
            grads.register::<B>(node.id, B::attention_grad(qkv, grad, heads));
        }
    }
}
