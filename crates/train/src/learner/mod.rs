//! One optimiser step: gradients, clipping, AdamW, moving average, loss scale.

pub(crate) mod clipping;
pub(crate) mod ema;
pub(crate) mod loss_scale;
pub(crate) mod lr;
pub(crate) mod optimizer;
pub(crate) mod packing;
pub(crate) mod step_gate;
pub(crate) mod step_stats;

use burn::tensor::{Device, Tensor};
use halfstep_core::EmaSchedule;
use halfstep_model::{
    Network, Precision, SelectedDevice, UNet, flat_grads, flat_params, with_flat_params,
    with_tracked_params,
};
use halfstep_ops::sum_of_squares;
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::learner::clipping::{Clipping, clip_by_global_norm};
use crate::learner::ema::Ema;
use crate::learner::loss_scale::LossScale;
use crate::learner::optimizer::{AdamW, OptimizerConfig};
use crate::learner::packing::Packing;
use crate::learner::step_gate::StepGate;
use crate::learner::step_stats::StepStats;
use crate::objective::Loss;

/// A network in training, with its optimiser, moving average and step count.
pub struct Learner<N: Network = UNet> {
    /// The network, on an autodiff device.
    pub network: N,
    /// AdamW, with its moments.
    pub optimizer: AdamW,
    /// The moving average of the weights, if there is one.
    pub ema: Option<Ema>,
    /// How the tensor lists of the optimiser and the moving average are stored on the device.
    pub packing: Packing,
    /// Optimiser steps taken.
    pub step: u64,
    /// The precision of losses and gradients; weights, moments and averages are always f32.
    pub precision: Precision,
    /// The loss scale, which f16 needs; `None`: the loss is not scaled.
    pub loss_scale: Option<LossScale>,
    /// What happens to a step whose loss or gradient is not finite.
    pub non_finite: NonFinite,
}

/// What happens to a step whose loss or gradient is not finite. Overflows that a [`LossScale`] handles do not
/// count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NonFinite {
    /// The run ends with an error; saved states stay.
    #[default]
    Stop,
    /// The step is skipped: weights and moments stay unchanged, and the step counts as skipped.
    Skip,
}

impl<N: Network> Learner<N> {
    /// A learner before its first step. `network` must be on `device`; its gradients are tracked from here
    /// on. Without `ema` there is no moving average.
    ///
    /// # Errors
    /// [`TrainError::Config`] if the network does not support `precision`.
    pub fn new(
        network: N,
        optimizer: &OptimizerConfig,
        ema: Option<EmaSchedule>,
        precision: Precision,
        device: &SelectedDevice,
    ) -> Result<Self, TrainError> {
        let network = with_tracked_params(network);
        in_precision(&network, precision)?;
        let packing = Packing::new(&network, device);
        Ok(Self {
            ema: ema.map(|schedule| Ema::new(schedule, packing.join(flat_params(&network)))),
            network,
            optimizer: AdamW::new(optimizer),
            packing,
            step: 0,
            precision,
            loss_scale: LossScale::needed_by(precision, &device.device),
            non_finite: NonFinite::default(),
        })
    }

    /// Takes one step. It computes the losses of `parts` parts of the batch, averages their gradients, clips
    /// them to the global norm `grad_clip`, applies AdamW with learning rate `lr`, and updates the moving
    /// average. `loss` is called once per part, with the network in [`precision`](Self::precision).
    ///
    /// A step is skipped if a scaled gradient overflows, or by [`NonFinite::Skip`]. Weights and moments then
    /// stay unchanged. The step still counts for AdamW's bias correction, and the moving average includes the
    /// unchanged weights once more.
    ///
    /// # Errors
    /// The error of `loss`; [`TrainError::Config`] if `parts` is 0.
    pub fn learn(
        &mut self,
        lr: f64,
        grad_clip: f64,
        parts: usize,
        mut loss: impl FnMut(&N) -> Result<Loss, TrainError>,
    ) -> Result<StepStats, TrainError> {
        let mut total: Option<(Vec<Tensor<1>>, Tensor<1>)> = None;
        let (mut errors, mut levels) = (Vec::new(), Vec::new());
        for _ in 0..parts {
            let loss = loss(&in_precision(&self.network, self.precision)?)?;
            let Loss { weighted, errors: of_part, u } = loss;
            errors.push(of_part);
            levels.extend(u);
            let mut gradients = match &self.loss_scale {
                Some(scale) => scale.scaled(weighted.clone()).backward(),
                None => weighted.backward(),
            };
            let grads = self.packing.join(flat_grads(&self.network, &mut gradients));
            let weighted = weighted.inner();
            total = Some(match total {
                None => (grads, weighted),
                Some((sum, loss)) => {
                    let sum = sum.into_iter().zip(grads).map(|(a, b)| a + b).collect();
                    (sum, loss + weighted)
                }
            });
        }
        let Some((grads, loss)) = total else {
            return Err(TrainError::config("accumulate", "is 0; at least 1 is needed"));
        };
        let share = 1.0 / parts as f64;
        let loss = loss.mul_scalar(share);
        let clipping = clip_by_global_norm(&grads, share, self.loss_scale.as_ref(), grad_clip);
        let Clipping { mut norm, scale } = clipping;
        let params = self.packing.join(flat_params(&self.network));
        let gate = match (&mut self.loss_scale, self.non_finite) {
            (Some(loss_scale), _) => Some(loss_scale.gate(norm.clone())),
            (None, NonFinite::Skip) => Some(StepGate::on(norm.clone(), &loss)),
            (None, NonFinite::Stop) => None,
        };
        let updated = match &gate {
            Some(gate) => {
                norm = gate.norm();
                self.update_if(gate, lr, params, grads, &scale)
            }
            None => self.optimizer.step(lr, params, grads, &scale),
        };
        self.step += 1;
        if let Some(ema) = &mut self.ema {
            ema.update(&updated, self.step);
        }
        self.network = with_flat_params(self.network.clone(), self.packing.split(&updated));
        let taken = gate.map(|gate| gate.taken());
        Ok(StepStats { loss, grad_norm: norm, taken, errors, levels })
    }

    /// AdamW's step if `gate` is open; otherwise parameters and moments stay unchanged.
    fn update_if(
        &mut self,
        gate: &StepGate,
        lr: f64,
        params: Vec<Tensor<1>>,
        grads: Vec<Tensor<1>>,
        grad_scale: &Tensor<1>,
    ) -> Vec<Tensor<1>> {
        let before = self.optimizer.history().1.cloned();
        let updated = self.optimizer.step(lr, params.clone(), grads, grad_scale);
        if let Some(after) = self.optimizer.history().1.cloned() {
            let moments = gate.choose_moments(after, before);
            self.optimizer = self.optimizer.clone().with_moments(moments);
        }
        gate.choose(updated, params)
    }

    /// The relative distance of the moving average from the weights, `|ema - w| / |w|` over all parameters,
    /// `[1]`; `None` without a moving average.
    pub fn ema_distance(&self) -> Option<Tensor<1>> {
        let weights = self.packing.join(flat_params(&self.network));
        let averages = self.ema.as_ref()?.values().iter().zip(&weights);
        let differences: Vec<Tensor<1>> =
            averages.map(|(average, weight)| average.clone() - weight.clone()).collect();
        let norm = |list: &[Tensor<1>]| {
            let squares = list.iter().map(|values| sum_of_squares(values.clone())).collect();
            Tensor::cat(squares, 0).sum().sqrt()
        };
        Some(norm(&differences) / norm(&weights))
    }

    /// The network with the averaged weights, or the last weights if there is no average, on `device` without
    /// autodiff.
    pub fn result(&self, device: &Device) -> N {
        let plain = self.network.clone().valid();
        let network = match &self.ema {
            Some(ema) => with_flat_params(plain, self.packing.split(ema.values())),
            None => plain,
        };
        network.fork(device)
    }
}

/// A copy of the network that computes in `precision`.
fn in_precision<N: Network>(network: &N, precision: Precision) -> Result<N, TrainError> {
    network.computing_in(precision).ok_or_else(|| {
        let problem = format!("is \"{precision}\", which this network does not support");
        TrainError::config("precision", problem)
    })
}
