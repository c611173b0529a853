//! Group normalisation: the public functions, their place in Burn's dispatch, their derivative.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

mod composed;
#[cfg(all(any(feature = "wgpu", feature = "cuda", feature = "rocm"), not(feature = "fusion")))]
mod cube;
#[cfg(feature = "flex")]
mod flex;
mod kernels;

use kernels::{NormGrads, NormInputs, NormKernels, Statistics};

/// Group normalisation (Wu and He 2018, arXiv:1803.08494), as in torch and [`burn::nn::GroupNorm`].
///
/// `y[b,c] = weight[c] (x[b,c] - mean) / sqrt(variance + epsilon) + bias[c]`, mean and (biased)
/// variance over the pixels of all channels of c's group in image b.
///
/// # Shapes
/// - x: `[B, C, H, W]`
/// - weight, bias: `[C]`
/// - output: `[B, C, H, W]`
///
/// # Panics
/// If the channels cannot be split into `groups` equal groups, or weight and bias do not have one
/// value for each channel.
pub fn group_norm(
    x: Tensor<4>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    groups: usize,
    epsilon: f64,
) -> Tensor<4> {
    plain(x, weight, bias, NormOptions { groups, epsilon, silu: false })
}

/// `silu(group_norm(x))` with `silu(u) = u / (1 + exp(-u))`, taken at once: the backward pass keeps
/// x alone and computes the values between again.
///
/// Shapes and panics are those of [`group_norm`].
pub fn group_norm_silu(
    x: Tensor<4>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    groups: usize,
    epsilon: f64,
) -> Tensor<4> {
    plain(x, weight, bias, NormOptions { groups, epsilon, silu: true })
}

/// `silu(group_norm(x + shift))`, the same shift for all pixels of a channel.
///
/// # Shapes
/// - shift: `[B, C]`
/// - all others as in [`group_norm`]
///
/// # Panics
/// As [`group_norm`], and if there is not one shift for each channel of each image.
pub fn shifted_group_norm_silu(
    x: Tensor<4>,
    shift: Tensor<2>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    groups: usize,
    epsilon: f64,
) -> Tensor<4> {
    let options = NormOptions { groups, epsilon, silu: true };
    check(&x, &weight, &bias, options);
    let [batch, channels, ..] = x.dims();
    assert_eq!(
        shift.dims(),
        [batch, channels],
        "group_norm: one shift for each channel of each image"
    );
    let (x, shift) = (x.into_dispatch(), shift.into_dispatch());
    let (weight, bias) = (weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::shifted_normalise(x, shift, weight, bias, options))
}

fn plain(x: Tensor<4>, weight: Tensor<1>, bias: Tensor<1>, options: NormOptions) -> Tensor<4> {
    check(&x, &weight, &bias, options);
    let (x, weight, bias) = (x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::normalise(x, weight, bias, options))
}

fn check(x: &Tensor<4>, weight: &Tensor<1>, bias: &Tensor<1>, options: NormOptions) {
    let ([_, channels, ..], groups) = (x.dims(), options.groups);
    assert!(
        groups > 0 && channels.is_multiple_of(groups),
        "group_norm: {channels} channels cannot be split into {groups} equal groups"
    );
    assert_eq!(weight.dims(), [channels], "group_norm: one weight for each channel");
    assert_eq!(bias.dims(), [channels], "group_norm: one bias for each channel");
}

/// All that a normalisation needs to know beside its tensors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NormOptions {
    pub(crate) groups: usize,
    pub(crate) epsilon: f64,
    /// Whether SiLU follows.
    pub(crate) silu: bool,
}

/// Routes the normalisation to the backend of its tensors, and through autodiff where they are
/// tracked. Two functions, because an optional tensor is no argument that can be routed.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm")),
    NdArray: cfg(feature = "ndarray"),
    Autodiff
)]
pub(crate) trait Normalise: Backend {
    fn normalise(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        options: NormOptions,
    ) -> FloatTensor<Self>;

    fn shifted_normalise(
        x: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        options: NormOptions,
    ) -> FloatTensor<Self>;
}

impl<B: NormKernels, C: CheckpointStrategy> Normalise for Autodiff<B, C> {
    fn normalise(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        options: NormOptions,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        match Plain.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let nodes = [&x, &weight, &bias].map(|input| prep.checkpoint(input));
                let [x, weight, bias] = [x, weight, bias].map(|input| input.into_primitive());
                let (y, statistics) =
                    B::norm_forward(NormInputs { x, shift: None, weight, bias }, options);
                prep.finish(Saved { nodes, statistics, options }, y)
            }
            OpsKind::UnTracked(prep) => {
                let [x, weight, bias] = [x, weight, bias].map(|input| input.into_primitive());
                prep.finish(B::norm_forward(NormInputs { x, shift: None, weight, bias }, options).0)
            }
        }
    }

    fn shifted_normalise(
        x: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        options: NormOptions,
    ) -> FloatTensor<Self> {
        let inputs = [x, shift, weight, bias];
        let nodes = inputs.each_ref().map(|input| input.node());
        let primitives = |inputs: [FloatTensor<Self>; 4]| {
            let [x, shift, weight, bias] = inputs.map(|input| input.into_primitive());
            NormInputs { x, shift: Some(shift), weight, bias }
        };
        match Shifted.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let nodes = inputs.each_ref().map(|input| prep.checkpoint(input));
                let (y, statistics) = B::norm_forward(primitives(inputs), options);
                prep.finish(Saved { nodes, statistics, options }, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::norm_forward(primitives(inputs), options).0),
        }
    }
}

/// What the backward pass needs of the forward pass. Of the inputs only x is large, and kept by
/// whoever made it.
#[derive(Clone, Debug)]
struct Saved<B: Backend, const N: usize> {
    nodes: [NodeId; N],
    statistics: Statistics<B>,
    options: NormOptions,
}

#[derive(Debug)]
struct Plain;

#[derive(Debug)]
struct Shifted;

impl<B: NormKernels> Backward<B, 3> for Plain {
    type State = Saved<B, 3>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let Saved { nodes, statistics, options } = ops.state;
        let [x, weight, bias] =
            nodes.map(|node| checkpointer.retrieve_node_output::<FloatTensor<B>>(node));
        let inputs = NormInputs { x, shift: None, weight, bias };
        let NormGrads { x, weight, bias, .. } = B::norm_backward(inputs, statistics, grad, options);
        for (parent, grad) in ops.parents.into_iter().zip([x, weight, bias]) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, grad);
            }
        }
    }
}

impl<B: NormKernels> Backward<B, 4> for Shifted {
    type State = Saved<B, 4>;

    fn backward(
        self,
        ops: Ops<Self::State, 4>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let Saved { nodes, statistics, options } = ops.state;
        let [x, shift, weight, bias] =
            nodes.map(|node| checkpointer.retrieve_node_output::<FloatTensor<B>>(node));
        let inputs = NormInputs { x, shift: Some(shift), weight, bias };
        let NormGrads { x, shift, weight, bias } =
            B::norm_backward(inputs, statistics, grad, options);
        for (parent, grad) in
            ops.parents.into_iter().zip([Some(x), shift, Some(weight), Some(bias)])
        {
            if let (Some(node), Some(grad)) = (parent, grad) {
                grads.register::<B>(node.id, grad);
            }
        }
    }
}
