//! The convolution as a differentiable operation: on x and weight, or on x, weight and bias. Each
//! result has the float type of the input it belongs to.

use burn::backend::TensorMetadata;
use burn::backend::tensor::FloatTensor;

use super::composed;
use super::kernels::ConvKernels;
use super::placement::Placement;
use crate::autodiff::Differentiable;
use crate::half::{in_type, widen};

impl<B: ConvKernels> Differentiable<B, 2> for Placement {
    type Kept = ();

    fn forward(&self, [x, weight]: [FloatTensor<B>; 2]) -> (FloatTensor<B>, ()) {
        (forward::<B>(x, weight, None, *self), ())
    }

    fn backward(
        &self,
        [x, weight]: [FloatTensor<B>; 2],
        (): (),
        grad: FloatTensor<B>,
        [x_wanted, weight_wanted]: [bool; 2],
    ) -> [Option<FloatTensor<B>>; 2] {
        let (x_type, weight_type) = (x.dtype(), weight.dtype());
        let [x, weight, grad] = [x, weight, grad].map(operand::<B>);
        let x_grad = x_wanted.then(|| {
            let x_grad = B::conv_x_grad(x.clone(), weight.clone(), grad.clone(), *self);
            in_type::<B>(x_grad, x_type)
        });
        let weight_grad = weight_wanted
            .then(|| in_type::<B>(B::conv_weight_grad(x, weight, grad, *self), weight_type));
        [x_grad, weight_grad]
    }
}

impl<B: ConvKernels> Differentiable<B, 3> for Placement {
    type Kept = ();

    fn forward(&self, [x, weight, bias]: [FloatTensor<B>; 3]) -> (FloatTensor<B>, ()) {
        (forward::<B>(x, weight, Some(bias), *self), ())
    }

    fn backward(
        &self,
        [x, weight, _]: [FloatTensor<B>; 3],
        (): (),
        grad: FloatTensor<B>,
        [x_wanted, weight_wanted, bias_wanted]: [bool; 3],
    ) -> [Option<FloatTensor<B>>; 3] {
        let bias_grad = bias_wanted.then(|| {
            let bias_grad = composed::bias_grad::<B>(widen::<B>(grad.clone()));
            in_type::<B>(bias_grad, grad.dtype())
        });
        let wanted = [x_wanted, weight_wanted];
        let [x_grad, weight_grad] =
            Differentiable::<B, 2>::backward(self, [x, weight], (), grad, wanted);
        [x_grad, weight_grad, bias_grad]
    }
}

fn forward<B: ConvKernels>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: Option<FloatTensor<B>>,
    at: Placement,
) -> FloatTensor<B> {
    let dtype = x.dtype();
    let [x, weight] = [x, weight].map(operand::<B>);
    in_type::<B>(B::conv_forward(x, weight, bias.map(operand::<B>), at), dtype)
}

/// Casts the tensor as the backend's kernels require.
fn operand<B: ConvKernels>(tensor: FloatTensor<B>) -> FloatTensor<B> {
    if B::WIDENS { widen::<B>(tensor) } else { tensor }
}
