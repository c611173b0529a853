//! Group normalisation on the CPU.

mod batch;
mod group;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};

use super::composed;
use super::inputs::{NormGrads, NormInputs, NormOptions, Statistics};
use super::kernels::NormKernels;
use crate::cpu::{owned, supports, tensor, values, values_mut};
use batch::Norm;
use group::Moments;

type FlexTensor = FloatTensor<Flex>;

/// f32 is computed by the kernels here, every other type by Burn's operations.
impl NormKernels for Flex {
    fn norm_forward(
        inputs: NormInputs<Flex>,
        options: NormOptions,
    ) -> (FlexTensor, Statistics<Flex>) {
        if !supports(&inputs.x) {
            return composed::forward(inputs, options);
        }
        let [batch, ..] = inputs.x.shape().dims::<4>();
        let parameters = Parameters::new(&inputs);
        let mut y = owned(inputs.x);
        let moments = parameters.norm(&y, options).forward(values_mut(&mut y));
        let shape = [batch, options.groups, 1];
        let mean = tensor(moments.iter().map(|moments| moments.mean).collect(), shape);
        let inverse_std =
            tensor(moments.iter().map(|moments| moments.inverse_std).collect(), shape);
        (y, Statistics { mean, inverse_std })
    }

    fn norm_backward(
        inputs: NormInputs<Flex>,
        statistics: Statistics<Flex>,
        grad: FlexTensor,
        options: NormOptions,
    ) -> NormGrads<Flex> {
        if !supports(&inputs.x) {
            return composed::backward(inputs, statistics, grad, options);
        }
        let [batch, channels, ..] = inputs.x.shape().dims::<4>();
        let parameters = Parameters::new(&inputs);
        let x = inputs.x.to_contiguous();
        let means = statistics.mean.as_slice::<f64>().expect("made by norm_forward");
        let moments: Vec<Moments> = means
            .iter()
            .zip(values(&statistics.inverse_std))
            .map(|(&mean, &inverse_std)| Moments { mean, inverse_std })
            .collect();
        let mut grad = owned(grad);
        let sums =
            parameters.norm(&x, options).backward(values(&x), &moments, values_mut(&mut grad));
        NormGrads {
            x: grad,
            shift: inputs.shift.map(|_| tensor(sums.shift, [batch, channels])),
            weight: tensor(sums.weight, [channels]),
            bias: tensor(sums.bias, [channels]),
        }
    }
}

/// All inputs but x, contiguous.
struct Parameters {
    shift: Option<FlexTensor>,
    weight: FlexTensor,
    bias: FlexTensor,
}

impl Parameters {
    fn new(inputs: &NormInputs<Flex>) -> Self {
        Self {
            shift: inputs.shift.as_ref().map(FlexTensor::to_contiguous),
            weight: inputs.weight.to_contiguous(),
            bias: inputs.bias.to_contiguous(),
        }
    }

    /// The normalisation of an x with these parameters.
    fn norm(&self, x: &FlexTensor, options: NormOptions) -> Norm<'_> {
        let [_, channels, height, width] = x.shape().dims();
        let NormOptions { groups, epsilon, silu } = options;
        Norm {
            channels,
            groups,
            pixels: height * width,
            epsilon,
            silu,
            shift: self.shift.as_ref().map(values),
            weight: values(&self.weight),
            bias: values(&self.bias),
        }
    }
}
