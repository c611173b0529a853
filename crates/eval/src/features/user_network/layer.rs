//! The layers of a feature network.

use burn::tensor::Tensor;
use burn::tensor::activation::{gelu, relu, silu};
use burn::tensor::module::{avg_pool2d, linear, max_pool2d};
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};
use serde::Deserialize;

use crate::error::EvalError;
use crate::features::weights::Weights;

/// A layer as the file lists it.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum LayerConfig {
    #[serde(rename = "conv2d")]
    Conv2d {
        weights: String,
        #[serde(default = "one")]
        stride: usize,
        #[serde(default)]
        padding: usize,
    },
    Linear {
        weights: String,
    },
    #[serde(rename = "batch_norm2d")]
    BatchNorm2d {
        weights: String,
        #[serde(default = "torch_eps")]
        eps: f64,
    },
    Relu {},
    Silu {},
    Gelu {},
    #[serde(rename = "max_pool2d")]
    MaxPool2d {
        size: usize,
        stride: Option<usize>,
    },
    #[serde(rename = "avg_pool2d")]
    AvgPool2d {
        size: usize,
        stride: Option<usize>,
    },
    GlobalAvgPool {},
    Flatten {},
}

fn one() -> usize {
    1
}

/// The default epsilon of PyTorch's `BatchNorm2d`.
fn torch_eps() -> f64 {
    1e-5
}

/// A layer with its weights.
pub(super) enum Layer {
    Conv2d {
        weight: Tensor<4>,
        bias: Option<Tensor<1>>,
        stride: usize,
        padding: usize,
    },
    Linear {
        weight: Tensor<2>,
        bias: Option<Tensor<1>>,
    },
    /// Batch normalisation with its running statistics.
    Affine {
        scale: Tensor<4>,
        shift: Tensor<4>,
    },
    Pointwise(fn(Tensor<4>) -> Tensor<4>, fn(Tensor<2>) -> Tensor<2>),
    MaxPool2d {
        size: usize,
        stride: usize,
    },
    AvgPool2d {
        size: usize,
        stride: usize,
    },
    GlobalAvgPool,
    Flatten,
}

/// What one layer passes to the next.
pub(super) enum LayerValue {
    /// `[B, C, H, W]`
    Images(Tensor<4>),
    /// `[B, D]`
    Rows(Tensor<2>),
}

impl LayerValue {
    /// `[B, D]`; images are flattened plane by plane.
    pub fn rows(self) -> Tensor<2> {
        match self {
            Self::Images(x) => x.flatten::<2>(1, 3),
            Self::Rows(x) => x,
        }
    }
}

impl LayerConfig {
    pub fn load(&self, weights: &Weights) -> Result<Layer, EvalError> {
        let bias = |name: &str, outputs: usize| match weights.shape(&format!("{name}.bias")) {
            Ok(_) => weights.tensor(&format!("{name}.bias"), [outputs]).map(Some),
            Err(_) => Ok(None),
        };
        Ok(match self {
            Self::Conv2d { weights: name, stride, padding } => {
                let shape = shape_of::<4>(weights, name)?;
                Layer::Conv2d {
                    weight: weights.tensor(&format!("{name}.weight"), shape)?,
                    bias: bias(name, shape[0])?,
                    stride: *stride,
                    padding: *padding,
                }
            }
            Self::Linear { weights: name } => {
                let shape = shape_of::<2>(weights, name)?;
                let weight: Tensor<2> = weights.tensor(&format!("{name}.weight"), shape)?;
                Layer::Linear { weight: weight.transpose(), bias: bias(name, shape[0])? }
            }
            Self::BatchNorm2d { weights: name, eps } => {
                let [channels] = shape_of::<1>(weights, name)?;
                let of = |part: &str| weights.values(&format!("{name}.{part}"), &[channels]);
                let (mean, variance) = (of("running_mean")?, of("running_var")?);
                let (scale, shift) = (of("weight")?, of("bias")?);
                let factors = scale.iter().zip(&variance);
                let factors: Vec<f64> = factors
                    .map(|(&scale, &var)| f64::from(scale) / (f64::from(var) + eps).sqrt())
                    .collect();
                let shifts = factors.iter().zip(&shift).zip(&mean);
                let shifts = shifts.map(|((factor, &shift), &mean)| {
                    (f64::from(shift) - factor * f64::from(mean)) as f32
                });
                let (shifts, shape) = (shifts.collect(), [1, channels, 1, 1]);
                let factors = factors.iter().map(|&factor| factor as f32).collect();
                Layer::Affine {
                    scale: weights.to_device(factors, shape),
                    shift: weights.to_device(shifts, shape),
                }
            }
            Self::Relu {} => Layer::Pointwise(relu, relu),
            Self::Silu {} => Layer::Pointwise(silu, silu),
            Self::Gelu {} => Layer::Pointwise(gelu, gelu),
            &Self::MaxPool2d { size, stride } => {
                Layer::MaxPool2d { size, stride: stride.unwrap_or(size) }
            }
            &Self::AvgPool2d { size, stride } => {
                Layer::AvgPool2d { size, stride: stride.unwrap_or(size) }
            }
            Self::GlobalAvgPool {} => Layer::GlobalAvgPool,
            Self::Flatten {} => Layer::Flatten,
        })
    }
}

/// The shape of a layer's weight, which must have D dimensions.
fn shape_of<const D: usize>(weights: &Weights, name: &str) -> Result<[usize; D], EvalError> {
    let name = format!("{name}.weight");
    let shape = weights.shape(&name)?;
    <[usize; D]>::try_from(shape).map_err(|_| {
        weights.wrong(format!("tensor `{name}` has shape {shape:?}; {D} dimensions are needed"))
    })
}

impl Layer {
    /// The layer's output. [`shape`](Self::shape) has accepted the shape of `x`.
    pub fn forward(&self, x: LayerValue) -> LayerValue {
        match (self, x) {
            (Self::Conv2d { weight, bias, stride, padding }, LayerValue::Images(x)) => {
                LayerValue::Images(halfstep_ops::conv2d(
                    x,
                    weight.clone(),
                    bias.clone(),
                    *stride,
                    *padding,
                ))
            }
            (Self::Linear { weight, bias }, x) => {
                LayerValue::Rows(linear(x.rows(), weight.clone(), bias.clone()))
            }
            (Self::Affine { scale, shift }, LayerValue::Images(x)) => {
                LayerValue::Images(x * scale.clone() + shift.clone())
            }
            (Self::Pointwise(of, _), LayerValue::Images(x)) => LayerValue::Images(of(x)),
            (Self::Pointwise(_, of), LayerValue::Rows(x)) => LayerValue::Rows(of(x)),
            (&Self::MaxPool2d { size, stride }, LayerValue::Images(x)) => {
                let options =
                    MaxPoolOptions { stride: [stride; 2], ..MaxPoolOptions::new([size; 2]) };
                LayerValue::Images(max_pool2d(x, options))
            }
            (&Self::AvgPool2d { size, stride }, LayerValue::Images(x)) => {
                let options =
                    AvgPoolOptions { stride: [stride; 2], ..AvgPoolOptions::new([size; 2]) };
                LayerValue::Images(avg_pool2d(x, options))
            }
            (Self::GlobalAvgPool, LayerValue::Images(x)) => {
                LayerValue::Rows(x.mean_dims(&[2, 3]).flatten::<2>(1, 3))
            }
            (_, x) => LayerValue::Rows(x.rows()),
        }
    }

    /// The output's shape for an input of shape `x`, both without the batch.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub fn shape(&self, x: &[usize]) -> Result<Vec<usize>, String> {
        let rows = || vec![x.iter().product()];
        match (self, x) {
            (Self::Conv2d { weight, stride, padding, .. }, &[channels, height, width]) => {
                let [outputs, inputs, rows, columns] = weight.dims();
                if inputs != channels {
                    return Err(format!("takes {inputs} channels but gets {channels}"));
                }
                let side =
                    |side: usize, kernel: usize| windows(side + 2 * padding, kernel, *stride);
                Ok(vec![outputs, side(height, rows)?, side(width, columns)?])
            }
            (Self::Linear { weight, .. }, _) => {
                let ([inputs, outputs], found) = (weight.dims(), rows()[0]);
                match inputs == found {
                    true => Ok(vec![outputs]),
                    false => Err(format!("takes {inputs} values but gets {found}")),
                }
            }
            (Self::Affine { scale, .. }, &[channels, ..]) if x.len() == 3 => {
                match scale.dims()[1] == channels {
                    true => Ok(x.to_vec()),
                    false => Err(format!("takes {} channels but gets {channels}", scale.dims()[1])),
                }
            }
            (Self::Pointwise(..), _) => Ok(x.to_vec()),
            (
                &Self::MaxPool2d { size, stride } | &Self::AvgPool2d { size, stride },
                &[channels, height, width],
            ) => Ok(vec![channels, windows(height, size, stride)?, windows(width, size, stride)?]),
            (Self::GlobalAvgPool, &[channels, _, _]) => Ok(vec![channels]),
            (Self::Flatten, _) => Ok(rows()),
            _ => Err("takes images, but an earlier layer flattened them".to_owned()),
        }
    }
}

/// Number of windows along a side.
fn windows(side: usize, size: usize, stride: usize) -> Result<usize, String> {
    match (side.checked_sub(size), size, stride) {
        (Some(room), 1.., 1..) => Ok(room / stride + 1),
        _ => Err(format!("windows of {size} every {stride} do not fit on a side of {side}")),
    }
}
