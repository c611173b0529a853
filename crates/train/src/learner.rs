//! One optimiser step.

use burn::tensor::{Device, Tensor};
use halfstep_core::EmaSchedule;
use halfstep_model::{Precision, SelectedDevice, UNet, flat_grads, flat_params, with_flat_params};

use crate::config::OptimizerConfig;
use crate::ema::Ema;
use crate::error::TrainError;
use crate::loss_scale::{LossScale, Verdict};
use crate::objective::Loss;
use crate::optimizer::{AdamW, Clipping, clip_by_global_norm};
use crate::packing::Packing;

/// A network that learns: weights, optimiser, moving average, step count.
pub struct Learner {
    /// The network, on an autodiff device.
    pub unet: UNet,
    /// AdamW and its moments.
    pub optimizer: AdamW,
    /// The moving average, if there is one.
    pub ema: Option<Ema>,
    /// How the lists of the optimiser and of the moving average lie on the device.
    pub packing: Packing,
    /// Optimiser steps taken.
    pub step: u64,
    /// What losses and their gradients are computed in; all of the above is f32.
    pub precision: Precision,
    /// Without one the loss is not scaled, which f16 needs.
    pub loss_scale: Option<LossScale>,
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
        match Self::read_all(vec![self])?[..] {
            [values] => Ok(values),
            _ => Err(TrainError::Device("a step's numbers did not come back".to_owned())),
        }
    }

    /// The same of many steps, waiting for the device once.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_all(steps: Vec<Self>) -> Result<Vec<[f64; 3]>, TrainError> {
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let scalars =
            steps.into_iter().flat_map(|Self { loss, mse, grad_norm }| [loss, mse, grad_norm]);
        let data = Tensor::cat(scalars.collect(), 0)
            .try_into_data()
            .map_err(|error| TrainError::Device(error.to_string()))?;
        let values: Vec<f64> = data.iter::<f64>().collect();
        Ok(values.chunks_exact(3).map(|step| [step[0], step[1], step[2]]).collect())
    }
}

impl Learner {
    /// One that has not learned yet.
    pub fn new(
        unet: UNet,
        optimizer: &OptimizerConfig,
        ema: Option<EmaSchedule>,
        precision: Precision,
        device: &SelectedDevice,
    ) -> Self {
        let packing = Packing::of(&unet, device);
        Self {
            ema: ema.map(|schedule| Ema::new(schedule, packing.join(flat_params(&unet)))),
            unet,
            optimizer: AdamW::new(optimizer),
            packing,
            step: 0,
            precision,
            loss_scale: LossScale::needed_by(precision, &device.device),
        }
    }

    /// Takes one step: the losses of `parts` parts of the batch, their gradients averaged, clipped to
    /// `grad_clip`, then AdamW at rate `lr`, then the moving average. `loss` is given the network as
    /// it computes in [`precision`](Self::precision).
    ///
    /// Where the loss is scaled and a gradient overflows, weights and moments stay as they were; the
    /// step counts, for the learning rate and for AdamW's bias correction, and the moving average
    /// takes the weights once more.
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
            let Loss { weighted, mse } = loss(&self.unet.computing_in(self.precision), part)?;
            let mut gradients = match &self.loss_scale {
                Some(scale) => scale.scaled(weighted.clone()).backward(),
                None => weighted.backward(),
            };
            let grads = self.packing.join(flat_grads(&self.unet, &mut gradients));
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
        let clipping = clip_by_global_norm(&grads, share, self.loss_scale.as_ref(), grad_clip);
        let Clipping { mut norm, scale } = clipping;
        let params = self.packing.join(flat_params(&self.unet));
        let updated = match &mut self.loss_scale {
            Some(loss_scale) => {
                let verdict = loss_scale.judge(norm);
                norm = verdict.norm();
                self.update_if(&verdict, lr, params, grads, &scale)
            }
            None => self.optimizer.step(lr, params, grads, &scale),
        };
        self.step += 1;
        if let Some(ema) = &mut self.ema {
            ema.update(&updated, self.step);
        }
        self.unet = with_flat_params(self.unet.clone(), self.packing.split(&updated));
        Ok(StepStats { loss: loss.mul_scalar(share), mse: mse.mul_scalar(share), grad_norm: norm })
    }

    /// The parameters after AdamW's step, or as they are, moments likewise.
    fn update_if(
        &mut self,
        verdict: &Verdict,
        lr: f64,
        params: Vec<Tensor<1>>,
        grads: Vec<Tensor<1>>,
        grad_scale: &Tensor<1>,
    ) -> Vec<Tensor<1>> {
        let before = self.optimizer.history().1.cloned();
        let updated = self.optimizer.step(lr, params.clone(), grads, grad_scale);
        if let Some(after) = self.optimizer.history().1.cloned() {
            let moments = verdict.choose_moments(after, before);
            self.optimizer = self.optimizer.clone().with_moments(moments);
        }
        verdict.choose(updated, params)
    }

    /// The network that the stage results in, without autodiff: the moving average if there is one.
    pub fn result(&self, device: &Device) -> UNet {
        use burn::module::Module;
        let plain = self.unet.clone().valid();
        let unet = match &self.ema {
            Some(ema) => with_flat_params(plain, self.packing.split(ema.values())),
            None => plain,
        };
        unet.fork(device)
    }
}
