//! One optimiser step.

use burn::tensor::{Device, Tensor};
use halfstep_model::{UNet, flat_grads, flat_params, with_flat_params};

use crate::ema::Ema;
use crate::error::TrainError;
use crate::objective::Loss;
use crate::optimizer::{AdamW, Clipping, clip_by_global_norm};

/// A network that learns: weights, optimiser, moving average, step count.
pub struct Learner {
    /// The network, on an autodiff device.
    pub unet: UNet,
    /// AdamW and its moments.
    pub optimizer: AdamW,
    /// The moving average, if there is one.
    pub ema: Option<Ema>,
    /// Optimiser steps taken.
    pub step: u64,
}

/// What a step did, still on the device: reading it is what waits.
#[derive(Clone, Debug)]
pub struct StepStats {
    loss: Tensor<1>,
    mse: Tensor<1>,
    grad_norm: Tensor<1>,
}

impl StepStats {
    /// Weighted loss, plain error, gradient norm.
    ///
    /// # Errors
    /// [`TrainError::Device`] if the device failed since.
    pub fn read(self) -> Result<[f64; 3], TrainError> {
        let data = Tensor::cat(vec![self.loss, self.mse, self.grad_norm], 0)
            .try_into_data()
            .map_err(|error| TrainError::Device(error.to_string()))?;
        let values: Vec<f32> = data
            .convert::<f32>()
            .try_into_vec()
            .map_err(|error| TrainError::Device(format!("{error:?}")))?;
        match values[..] {
            [loss, mse, norm] => Ok([loss, mse, norm].map(f64::from)),
            _ => Err(TrainError::Device("a scalar of the wrong shape came back".to_owned())),
        }
    }
}

impl Learner {
    /// Takes one step: the losses of `parts` parts of the batch, their gradients averaged, clipped to
    /// `grad_clip`, then AdamW at rate `lr`, then the moving average.
    ///
    /// # Errors
    /// What `loss` returns.
    pub fn learn(
        &mut self,
        lr: f64,
        grad_clip: f64,
        parts: usize,
        mut loss: impl FnMut(&UNet, usize) -> Result<Loss, TrainError>,
    ) -> Result<StepStats, TrainError> {
        let mut total: Option<(Vec<Tensor<1>>, Tensor<1>, Tensor<1>)> = None;
        for part in 0..parts {
            let Loss { weighted, mse } = loss(&self.unet, part)?;
            let mut gradients = weighted.backward();
            let grads = flat_grads(&self.unet, &mut gradients);
            let weighted = weighted.inner();
            total = Some(match total {
                None => (grads, weighted, mse),
                Some((sum, loss, error)) => {
                    let sum = sum.into_iter().zip(grads).map(|(a, b)| a + b).collect();
                    (sum, loss + weighted, error + mse)
                }
            });
        }
        let Some((grads, loss, mse)) = total else {
            return Err(TrainError::Device("a step without parts".to_owned()));
        };
        let share = 1.0 / parts as f64;
        let Clipping { norm, scale } = clip_by_global_norm(&grads, share, grad_clip);
        let updated = self.optimizer.step(lr, flat_params(&self.unet), grads, &scale);
        self.step += 1;
        if let Some(ema) = &mut self.ema {
            ema.update(&updated, self.step);
        }
        self.unet = with_flat_params(self.unet.clone(), updated);
        Ok(StepStats { loss: loss.mul_scalar(share), mse: mse.mul_scalar(share), grad_norm: norm })
    }

    /// The network that the stage results in, without autodiff: the moving average if there is one.
    pub fn result(&self, device: &Device) -> UNet {
        use burn::module::Module;
        let plain = self.unet.clone().valid();
        let unet = match &self.ema {
            Some(ema) => with_flat_params(plain, ema.values().to_vec()),
            None => plain,
        };
        unet.fork(device)
    }
}
