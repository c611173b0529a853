//! The two computations of a group normalisation, backend by backend.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;

use crate::norm::composed;
use crate::norm::{NormOptions, Normalise};

/// A normalisation and its derivative. What a backend does not write itself is arranged from Burn's
/// operations.
pub(crate) trait NormKernels: Backend {
    /// y `[B, C, H, W]`, and what is known of x then.
    fn norm_forward(
        inputs: NormInputs<Self>,
        options: NormOptions,
    ) -> (FloatTensor<Self>, Statistics<Self>) {
        composed::forward(inputs, options)
    }

    /// The gradients of all inputs from that of y.
    fn norm_backward(
        inputs: NormInputs<Self>,
        statistics: Statistics<Self>,
        grad: FloatTensor<Self>,
        options: NormOptions,
    ) -> NormGrads<Self> {
        composed::backward(inputs, statistics, grad, options)
    }
}

/// x `[B, C, H, W]`, shift `[B, C]`, weight and bias `[C]`.
pub(crate) struct NormInputs<B: Backend> {
    pub(crate) x: FloatTensor<B>,
    pub(crate) shift: Option<FloatTensor<B>>,
    pub(crate) weight: FloatTensor<B>,
    pub(crate) bias: FloatTensor<B>,
}

/// The gradients of [`NormInputs`], shaped as those.
pub(crate) struct NormGrads<B: Backend> {
    pub(crate) x: FloatTensor<B>,
    pub(crate) shift: Option<FloatTensor<B>>,
    pub(crate) weight: FloatTensor<B>,
    pub(crate) bias: FloatTensor<B>,
}

/// Of each group of each image, `[B, G, 1]`; only the backend that made them reads them.
#[derive(Clone, Debug)]
pub(crate) struct Statistics<B: Backend> {
    pub(crate) mean: FloatTensor<B>,
    /// `1 / sqrt(variance + epsilon)`
    pub(crate) inverse_std: FloatTensor<B>,
}

#[cfg(all(any(feature = "wgpu", feature = "cuda", feature = "rocm"), feature = "fusion"))]
impl NormKernels for burn::backend::Cube {}

/// The kernels written here, for what has at most 32 bits.
#[cfg(all(any(feature = "wgpu", feature = "cuda", feature = "rocm"), not(feature = "fusion")))]
impl NormKernels for burn::backend::Cube {
    fn norm_forward(
        inputs: NormInputs<Self>,
        options: NormOptions,
    ) -> (FloatTensor<Self>, Statistics<Self>) {
        if crate::norm::cube::ours(&inputs.x) {
            crate::norm::cube::forward(inputs, options)
        } else {
            composed::forward(inputs, options)
        }
    }

    fn norm_backward(
        inputs: NormInputs<Self>,
        statistics: Statistics<Self>,
        grad: FloatTensor<Self>,
        options: NormOptions,
    ) -> NormGrads<Self> {
        if crate::norm::cube::ours(&inputs.x) {
            crate::norm::cube::backward(inputs, statistics, grad, options)
        } else {
            composed::backward(inputs, statistics, grad, options)
        }
    }
}

#[cfg(feature = "ndarray")]
impl NormKernels for burn::backend::NdArray {}

/// Without autodiff only the forward pass is asked for.
macro_rules! forward_only {
    ($backend:ty) => {
        impl Normalise for $backend {
            fn normalise(
                x: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                bias: FloatTensor<Self>,
                options: NormOptions,
            ) -> FloatTensor<Self> {
                Self::norm_forward(NormInputs { x, shift: None, weight, bias }, options).0
            }

            fn shifted_normalise(
                x: FloatTensor<Self>,
                shift: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                bias: FloatTensor<Self>,
                options: NormOptions,
            ) -> FloatTensor<Self> {
                Self::norm_forward(NormInputs { x, shift: Some(shift), weight, bias }, options).0
            }
        }
    };
}

#[cfg(feature = "flex")]
forward_only!(burn::backend::Flex);
#[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]
forward_only!(burn::backend::Cube);
#[cfg(feature = "ndarray")]
forward_only!(burn::backend::NdArray);

#[cfg(feature = "flex")]
mod on_flex {
    use burn::backend::{Flex, TensorMetadata};
    use burn::tensor::DType;

    use super::*;
    use crate::cpu::{owned, supported, tensor, values, values_mut};
    use crate::norm::flex::{Moments, Norm};

    type FlexTensor = FloatTensor<Flex>;

    /// The kernels written here for f32; Burn's operations for every other type, for tensors
    /// without values, and where the processor has no vectors worth the name.
    impl NormKernels for Flex {
        fn norm_forward(
            inputs: NormInputs<Flex>,
            options: NormOptions,
        ) -> (FlexTensor, Statistics<Flex>) {
            if !ours(&inputs.x) {
                return composed::forward(inputs, options);
            }
            let [batch, ..] = inputs.x.shape().dims::<4>();
            let parameters = Parameters::of(&inputs);
            let mut y = owned(inputs.x);
            let moments = parameters.norm(&y, options).forward(values_mut(&mut y));
            let shape = [batch, options.groups, 1];
            let statistics = Statistics {
                mean: tensor(moments.iter().map(|moments| moments.mean).collect(), shape),
                inverse_std: tensor(
                    moments.iter().map(|moments| moments.inverse_std).collect(),
                    shape,
                ),
            };
            (y, statistics)
        }

        fn norm_backward(
            inputs: NormInputs<Flex>,
            statistics: Statistics<Flex>,
            grad: FlexTensor,
            options: NormOptions,
        ) -> NormGrads<Flex> {
            if !ours(&inputs.x) {
                return composed::backward(inputs, statistics, grad, options);
            }
            let [batch, channels, ..] = inputs.x.shape().dims::<4>();
            let parameters = Parameters::of(&inputs);
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

    /// All inputs but x, in order.
    struct Parameters {
        shift: Option<FlexTensor>,
        weight: FlexTensor,
        bias: FlexTensor,
    }

    impl Parameters {
        fn of(inputs: &NormInputs<Flex>) -> Self {
            Self {
                shift: inputs.shift.as_ref().map(FlexTensor::to_contiguous),
                weight: inputs.weight.to_contiguous(),
                bias: inputs.bias.to_contiguous(),
            }
        }

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

    fn ours(x: &FlexTensor) -> bool {
        x.dtype() == DType::F32 && x.shape().num_elements() > 0 && supported()
    }
}
