//! One optimiser step.

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
};
use halfstep_ops::sum_of_squares;
use serde::{Deserialize, Serialize};

use crate::config::OptimizerConfig;
use crate::error::TrainError;
use crate::learner::ema::Ema;
use crate::learner::loss_scale::LossScale;
use crate::learner::optimizer::{AdamW, Clipping, clip_by_global_norm};
use crate::learner::packing::Packing;
use crate::learner::step_gate::StepGate;
use crate::learner::step_stats::StepStats;
use crate::objective::Loss;

/// A network in training: weights, optimiser, moving average, step count.
pub struct Learner<N: Network = UNet> {
    /// The network, on an autodiff device.
    pub network: N,
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
    /// What becomes of a step whose loss or gradient is not finite.
    pub non_finite: NonFinite,
}

/// What becomes of a step whose loss or gradient is not finite, where that is not the work of a
/// [`LossScale`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NonFinite {
    /// The run ends with an error; what was saved before stays.
    #[default]
    Stop,
    /// Weights and moments stay as they were, the step is counted as skipped.
    Skip,
}

impl<N: Network> Learner<N> {
    /// A learner before its first step.
    ///
    /// # Errors
    /// [`TrainError::Config`] if the network does not compute in `precision`.
    pub fn new(
        network: N,
        optimizer: &OptimizerConfig,
        ema: Option<EmaSchedule>,
        precision: Precision,
        device: &SelectedDevice,
    ) -> Result<Self, TrainError> {
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

    /// Takes one step: the losses of `parts` parts of the batch, their gradients averaged, clipped to
    /// `grad_clip`, then AdamW at rate `lr`, then the moving average. `loss` is given the network as
    /// it computes in [`precision`](Self::precision).
    ///
    /// Where a step is left out, because the loss is scaled and a gradient overflows or by
    /// [`NonFinite::Skip`], weights and moments stay as they were; the step counts, for the learning
    /// rate and for AdamW's bias correction, and the moving average takes the weights once more.
    ///
    /// # Errors
    /// What `loss` returns.
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

    /// The parameters after AdamW's step, or as they are, moments likewise.
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

    /// How far the moving average is from the weights, `|ema - w| / |w|` over all of them, `[1]`;
    /// `None` without one.
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

    /// The network that the stage results in, without autodiff: the moving average if there is one.
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
