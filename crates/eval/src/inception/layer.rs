//! Convolution, batch normalisation and ReLU, as one.

use std::path::{Path, PathBuf};

use burn::tensor::activation::relu;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors};

use crate::error::EvalError;

/// Of every batch normalisation of the network.
const EPSILON: f64 = 1e-3;

/// The tensors of a weights file.
pub(crate) struct Weights<'a> {
    file: SafeTensors<'a>,
    path: PathBuf,
    device: Device,
}

impl<'a> Weights<'a> {
    pub fn parse(bytes: &'a [u8], path: &Path, device: &Device) -> Result<Self, EvalError> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| EvalError::Weights {
            path: path.to_path_buf(),
            problem: format!("not a readable safetensors file: {error}"),
        })?;
        Ok(Self { file, path: path.to_path_buf(), device: device.clone() })
    }

    fn wrong(&self, problem: String) -> EvalError {
        EvalError::Weights { path: self.path.clone(), problem }
    }

    /// f32 of exactly this shape.
    fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EvalError> {
        let Ok(view) = self.file.tensor(name) else {
            return Err(self.wrong(format!("has no tensor `{name}`: not FID's Inception network")));
        };
        if view.dtype() != Dtype::F32 || view.shape() != shape {
            let (dtype, found) = (view.dtype(), view.shape());
            return Err(self.wrong(format!(
                "tensor `{name}` is {dtype:?} of shape {found:?}; f32 of {shape:?} is needed"
            )));
        }
        let four = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let values: Vec<f32> = view.data().chunks_exact(4).map(four).collect();
        match values.iter().all(|value| value.is_finite()) {
            true => Ok(values),
            false => Err(self.wrong(format!("tensor `{name}` holds NaN or infinity"))),
        }
    }

    pub fn matrix(&self, name: &str, shape: [usize; 2]) -> Result<Tensor<2>, EvalError> {
        let values = self.values(name, &shape)?;
        Ok(Tensor::from_data(TensorData::new(values, shape), &self.device))
    }

    /// torchvision's `BasicConv2d`. What its batch normalisation does to each channel is done to the
    /// weights once, in f64.
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
            weight: Tensor::from_data(TensorData::new(weight, shape), &self.device),
            bias: Tensor::from_data(TensorData::new(bias, [outputs]), &self.device),
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
            // Ours is faster on a CPU, and knows one padding.
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
