//! How an operation with its own derivative takes part in Burn's autodiff.

use std::fmt::Debug;
use std::marker::PhantomData;

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend};

/// An operation on `N` tensors and its derivative, as backend `B` computes them.
pub(crate) trait Differentiable<B: Backend, const N: usize>:
    Clone + Debug + Send + 'static
{
    /// What the backward pass needs from the forward pass besides the inputs.
    type Kept: Clone + Debug + Send + 'static;

    /// Computes the output, and what the backward pass needs.
    fn forward(&self, inputs: [FloatTensor<B>; N]) -> (FloatTensor<B>, Self::Kept);

    /// Computes the gradients of the inputs from the gradient of the output. The gradient of an
    /// input that is not `wanted` may be `None`.
    fn backward(
        &self,
        inputs: [FloatTensor<B>; N],
        kept: Self::Kept,
        grad: FloatTensor<B>,
        wanted: [bool; N],
    ) -> [Option<FloatTensor<B>>; N];
}

/// Runs the operation's forward pass, and records its backward pass if an input is tracked. The
/// inputs are kept for the backward pass by whoever computed them; only [`Differentiable::Kept`]
/// is added.
pub(crate) fn track<B, C, O, const N: usize>(
    operation: O,
    inputs: [FloatTensor<Autodiff<B, C>>; N],
) -> FloatTensor<Autodiff<B, C>>
where
    B: Backend,
    C: CheckpointStrategy,
    O: Differentiable<B, N>,
{
    let guards = inputs.each_ref().map(|input| input.node());
    match Step::<O>(PhantomData).prepare::<C>(guards).compute_bound().stateful() {
        OpsKind::Tracked(mut prep) => {
            let nodes = inputs.each_ref().map(|input| prep.checkpoint(input));
            let (output, kept) = operation.forward(inputs.map(|input| input.into_primitive()));
            prep.finish(Recorded { operation, nodes, kept }, output)
        }
        OpsKind::UnTracked(prep) => {
            prep.finish(operation.forward(inputs.map(|input| input.into_primitive())).0)
        }
    }
}

/// The step of a graph that runs the backward pass of `O`.
#[derive(Debug)]
struct Step<O>(PhantomData<O>);

/// What the graph stores for the backward pass.
#[derive(Clone, Debug)]
struct Recorded<O, K, const N: usize> {
    operation: O,
    nodes: [NodeId; N],
    kept: K,
}

impl<B: Backend, O: Differentiable<B, N>, const N: usize> Backward<B, N> for Step<O> {
    type State = Recorded<O, O::Kept, N>;

    fn backward(
        self,
        ops: Ops<Self::State, N>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let Recorded { operation, nodes, kept } = ops.state;
        let inputs = nodes.map(|node| checkpointer.retrieve_node_output::<FloatTensor<B>>(node));
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let gradients = operation.backward(inputs, kept, grad, wanted);
        for (parent, gradient) in ops.parents.into_iter().zip(gradients) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}
