//! Group normalisation as a differentiable operation: on x, weight and bias, with or without a
//! shift.

use burn::backend::tensor::FloatTensor;

use super::inputs::{NormGrads, NormInputs, NormOptions, Statistics};
use super::kernels::NormKernels;
use crate::autodiff::Differentiable;

impl<B: NormKernels> Differentiable<B, 3> for NormOptions {
    type Kept = Statistics<B>;

    fn forward(&self, [x, weight, bias]: [FloatTensor<B>; 3]) -> (FloatTensor<B>, Statistics<B>) {
        B::norm_forward(NormInputs { x, shift: None, weight, bias }, *self)
    }

    fn backward(
        &self,
        [x, weight, bias]: [FloatTensor<B>; 3],
        statistics: Statistics<B>,
        grad: FloatTensor<B>,
        _: [bool; 3],
    ) -> [Option<FloatTensor<B>>; 3] {
        let inputs = NormInputs { x, shift: None, weight, bias };
        let NormGrads { x, weight, bias, .. } = B::norm_backward(inputs, statistics, grad, *self);
        [x, weight, bias].map(Some)
    }
}

impl<B: NormKernels> Differentiable<B, 4> for NormOptions {
    type Kept = Statistics<B>;

    fn forward(
        &self,
        [x, shift, weight, bias]: [FloatTensor<B>; 4],
    ) -> (FloatTensor<B>, Statistics<B>) {
        B::norm_forward(NormInputs { x, shift: Some(shift), weight, bias }, *self)
    }

    fn backward(
        &self,
        [x, shift, weight, bias]: [FloatTensor<B>; 4],
        statistics: Statistics<B>,
        grad: FloatTensor<B>,
        _: [bool; 4],
    ) -> [Option<FloatTensor<B>>; 4] {
        let inputs = NormInputs { x, shift: Some(shift), weight, bias };
        let NormGrads { x, shift, weight, bias } =
            B::norm_backward(inputs, statistics, grad, *self);
        [Some(x), shift, Some(weight), Some(bias)]
    }
}
