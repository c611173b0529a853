//! Self-attention as a differentiable operation on qkv.

use burn::backend::tensor::FloatTensor;

use super::kernels::AttentionKernels;
use crate::autodiff::Differentiable;

/// A self-attention with this number of heads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attention {
    pub(crate) heads: usize,
}

impl<B: AttentionKernels> Differentiable<B, 1> for Attention {
    type Kept = ();

    fn forward(&self, [qkv]: [FloatTensor<B>; 1]) -> (FloatTensor<B>, ()) {
        (B::attention_forward(qkv, self.heads), ())
    }

    fn backward(
        &self,
        [qkv]: [FloatTensor<B>; 1],
        (): (),
        grad: FloatTensor<B>,
        _: [bool; 1],
    ) -> [Option<FloatTensor<B>>; 1] {
        [Some(B::attention_backward(qkv, grad, self.heads))]
    }
}
