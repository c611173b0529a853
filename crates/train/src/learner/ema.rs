//! The exponential moving average of the weights.

use burn::tensor::Tensor;
use halfstep_core::EmaSchedule;
use halfstep_ops::moving_average;

/// An exponential moving average of weights: `ema <- d ema + (1 - d) weights`, with the decay d of
/// [`EmaSchedule`].
#[derive(Clone, Debug)]
pub struct Ema {
    schedule: EmaSchedule,
    values: Vec<Tensor<1>>,
}

impl Ema {
    /// Starts from these weights: flat tensors, in the order of [`halfstep_model::flat_params`].
    pub fn new(schedule: EmaSchedule, values: Vec<Tensor<1>>) -> Self {
        Self { schedule, values }
    }

    /// Adds the weights after optimiser step `step`, counted from 1, to the average.
    pub fn update(&mut self, weights: &[Tensor<1>], step: u64) {
        let decay = self.schedule.decay_at(step);
        let averages = std::mem::take(&mut self.values).into_iter().zip(weights);
        self.values =
            averages.map(|(average, w)| moving_average(average, w.clone(), decay)).collect();
    }

    /// The averaged weights, in the same order.
    pub fn values(&self) -> &[Tensor<1>] {
        &self.values
    }
}
