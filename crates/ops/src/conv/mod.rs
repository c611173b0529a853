//! The convolution: the public function, its place in Burn's dispatch, its derivative.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

#[cfg(all(
    any(feature = "wgpu", feature = "cuda", feature = "rocm"),
    not(any(feature = "autotune", feature = "fusion"))
))]
mod cube;
#[cfg(feature = "flex")]
pub(crate) mod flex;
pub(crate) mod kernels;

use kernels::ConvKernels;

/// 2D convolution (cross-correlation, as everywhere in deep learning) with a square kernel.
///
/// `y[b,o,i,j] = bias[o] + sum over c,m,n of weight[o,c,m,n] x[b,c, s i + m - p, s j + n - p]`,
/// s the stride, p the padding, x zero outside.
///
/// # Shapes
/// - x: `[B, C, H, W]`
/// - weight: `[O, C, K, K]`
/// - bias: `[O]`
/// - output: `[B, O, (H + 2p - K) / s + 1, (W + 2p - K) / s + 1]`
///
/// # Panics
/// If the shapes do not fit each other, the stride is zero, or the kernel is larger than the padded
/// image.
pub fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    padding: usize,
) -> Tensor<4> {
    let [_, channels, height, width] = x.dims();
    let [outputs, weight_channels, kernel, kernel_width] = weight.dims();
    assert_eq!(channels, weight_channels, "conv2d: the weight is for another number of channels");
    assert_eq!(kernel, kernel_width, "conv2d: the kernel must be square");
    assert!(stride > 0, "conv2d: the stride must be at least 1");
    assert!(
        kernel > 0 && kernel <= height.min(width) + 2 * padding,
        "conv2d: a {kernel}x{kernel} kernel does not fit a {height}x{width} image padded by {padding}"
    );
    if let Some(bias) = &bias {
        assert_eq!(bias.dims(), [outputs], "conv2d: one bias for each output channel");
    }
    let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(match bias {
        Some(bias) => {
            Dispatch::square_conv2d_with_bias(x, weight, bias.into_dispatch(), stride, padding)
        }
        None => Dispatch::square_conv2d(x, weight, stride, padding),
    })
}

/// Routes [`conv2d`] to the backend of its tensors, and through autodiff where they are tracked.
/// Two functions, because an optional tensor is no argument that can be routed.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm")),
    NdArray: cfg(feature = "ndarray"),
    Autodiff
)]
pub(crate) trait SquareConv2d: Backend {
    fn square_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self>;

    fn square_conv2d_with_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self>;
}

/// Where the kernel lies: all that a convolution needs to know beside its tensors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placement {
    pub(crate) stride: usize,
    pub(crate) padding: usize,
}

impl<B: ConvKernels, C: CheckpointStrategy> SquareConv2d for Autodiff<B, C> {
    fn square_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        let at = Placement { stride, padding };
        match NoBias.prepare::<C>([x.node(), weight.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let saved = Saved { x: prep.checkpoint(&x), weight: prep.checkpoint(&weight), at };
                let (x, weight) = (x.into_primitive(), weight.into_primitive());
                prep.finish(saved, B::conv_forward(x, weight, None, at))
            }
            OpsKind::UnTracked(prep) => {
                let (x, weight) = (x.into_primitive(), weight.into_primitive());
                prep.finish(B::conv_forward(x, weight, None, at))
            }
        }
    }

    fn square_conv2d_with_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        stride: usize,
        padding: usize,
    ) -> FloatTensor<Self> {
        let at = Placement { stride, padding };
        let nodes = [x.node(), weight.node(), bias.node()];
        let bias = Some(bias.into_primitive());
        match WithBias.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let saved = Saved { x: prep.checkpoint(&x), weight: prep.checkpoint(&weight), at };
                let (x, weight) = (x.into_primitive(), weight.into_primitive());
                prep.finish(saved, B::conv_forward(x, weight, bias, at))
            }
            OpsKind::UnTracked(prep) => {
                let (x, weight) = (x.into_primitive(), weight.into_primitive());
                prep.finish(B::conv_forward(x, weight, bias, at))
            }
        }
    }
}

/// What the backward pass needs of the forward pass.
#[derive(Clone, Debug)]
struct Saved {
    x: NodeId,
    weight: NodeId,
    at: Placement,
}

#[derive(Debug)]
struct WithBias;

#[derive(Debug)]
struct NoBias;

impl<B: ConvKernels> Backward<B, 3> for WithBias {
    type State = Saved;

    fn backward(self, ops: Ops<Saved, 3>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let [x, weight, bias] = ops.parents.map(|parent| parent.map(|node| node.id));
        if let Some(node) = bias {
            grads.register::<B>(node, B::conv_bias_grad(grad.clone()));
        }
        backward::<B>([x, weight], grad, &ops.state, grads, checkpointer);
    }
}

impl<B: ConvKernels> Backward<B, 2> for NoBias {
    type State = Saved;

    fn backward(self, ops: Ops<Saved, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let parents = ops.parents.map(|parent| parent.map(|node| node.id));
        backward::<B>(parents, grad, &ops.state, grads, checkpointer);
    }
}

/// The gradients of x and weight, where they are asked for.
fn backward<B: ConvKernels>(
    [x_node, weight_node]: [Option<NodeId>; 2],
    grad: FloatTensor<B>,
    saved: &Saved,
    grads: &mut Gradients,
    checkpointer: &mut Checkpointer,
) {
    let x = checkpointer.retrieve_node_output::<FloatTensor<B>>(saved.x);
    let weight = checkpointer.retrieve_node_output::<FloatTensor<B>>(saved.weight);
    if let Some(node) = x_node {
        let grad = B::conv_x_grad(x.clone(), weight.clone(), grad.clone(), saved.at);
        grads.register::<B>(node, grad);
    }
    if let Some(node) = weight_node {
        grads.register::<B>(node, B::conv_weight_grad(x, weight, grad, saved.at));
    }
}
