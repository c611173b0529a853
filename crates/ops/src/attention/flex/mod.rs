//! Self-attention on the CPU.

mod backward;
mod forward;
mod softmax;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};

use super::composed;
use super::kernels::AttentionKernels;
use crate::cpu::{supports, tensor, values};
use crate::half::{in_type, widen};
use forward::AttentionShape;

type FlexTensor = FloatTensor<Flex>;

/// f32 is computed by the kernels here, as are 16 bits, cast to f32 and back. f64 is computed by
/// Burn's operations.
impl AttentionKernels for Flex {
    fn attention_forward(qkv: FlexTensor, heads: usize) -> FlexTensor {
        let dtype = qkv.dtype();
        let qkv = widen::<Flex>(qkv);
        let y = if supports(&qkv) {
            let [b, channels, h, w] = qkv.shape().dims();
            let qkv = qkv.to_contiguous();
            let y = forward::forward(shape(&qkv, heads), values(&qkv));
            tensor(y, [b, channels / 3, h, w])
        } else {
            composed::forward::<Flex>(qkv, heads)
        };
        in_type::<Flex>(y, dtype)
    }

    fn attention_backward(qkv: FlexTensor, grad: FlexTensor, heads: usize) -> FlexTensor {
        let dtype = qkv.dtype();
        let [qkv, grad] = [qkv, grad].map(widen::<Flex>);
        let dqkv = if supports(&qkv) {
            let dims: [usize; 4] = qkv.shape().dims();
            let (qkv, grad) = (qkv.to_contiguous(), grad.to_contiguous());
            tensor(backward::backward(shape(&qkv, heads), values(&qkv), values(&grad)), dims)
        } else {
            composed::backward::<Flex>(qkv, grad, heads)
        };
        in_type::<Flex>(dqkv, dtype)
    }
}

fn shape(qkv: &FlexTensor, heads: usize) -> AttentionShape {
    let [_, channels, h, w] = qkv.shape().dims();
    AttentionShape { heads, channels: channels / 3 / heads, pixels: h * w }
}
