//! Convolution, batch normalisation and ReLU as one layer.

use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;

use crate::error::EvalError;
use crate::features::weights::Weights;

/// Epsilon of every batch normalisation in the network.
const EPSILON: f64 = 1e-3;

impl Weights {
    /// torchvision's `BasicConv2d`, with its batch normalisation folded into weight and bias in f64.
    pub fn conv(
        &self,
        name: &str,
        shape: [usize; 4],
        stride: usize,
        padding: [usize; 2],
    ) -> Result<Conv, EvalError> {
        let outputs = shape[0];
        let of_norm = |part: &str| self.values(&format!("{name}.bn.{part}"), &[outputs]);
        let (scale, shift) = (of_norm("weight")?, of_norm("bias")?);
        let (mean, variance) = (of_norm("running_mean")?, of_norm("running_var")?);
        let mut weight = self.values(&format!("{name}.conv.weight"), &shape)?;
        let each = weight.len() / outputs;
        let mut bias = Vec::with_capacity(outputs);
        for (k, filter) in weight.chunks_exact_mut(each).enumerate() {
            let factor = f64::from(scale[k]) / (f64::from(variance[k]) + EPSILON).sqrt();
            filter.iter_mut().for_each(|value| *value = (f64::from(*value) * factor) as f32);
            bias.push((f64::from(shift[k]) - f64::from(mean[k]) * factor) as f32);
        }
        Ok(Conv {
            weight: self.to_device(weight, shape),
            bias: self.to_device(bias, [outputs]),
            stride,
            padding,
        })
    }
}

/// `relu(conv(x) + bias)`
#[derive(Debug)]
pub(crate) struct Conv {
    weight: Tensor<4>,
    bias: Tensor<1>,
    stride: usize,
    padding: [usize; 2],
}

impl Conv {
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let (weight, bias) = (self.weight.clone(), Some(self.bias.clone()));
        relu(match self.padding {
            // Our convolution is faster on a CPU, but takes one padding for both axes.
            [height, width] if height == width => {
                halfstep_ops::conv2d(x, weight, bias, self.stride, height)
            }
            padding => {
                let stride = [self.stride, self.stride];
                conv2d(x, weight, bias, ConvOptions::new(stride, padding, [1, 1], 1))
            }
        })
    }
}
