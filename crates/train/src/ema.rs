//! The moving average of the weights.

use burn::tensor::Tensor;
use halfstep_core::EmaSchedule;

/// `ema <- d ema + (1 - d) weights`, d by [`EmaSchedule`].
#[derive(Clone, Debug)]
pub struct Ema {
    schedule: EmaSchedule,
    values: Vec<Tensor<1>>,
}

impl Ema {
    /// Starts from these weights, in the order of [`halfstep_model::flat_params`].
    pub fn new(schedule: EmaSchedule, values: Vec<Tensor<1>>) -> Self {
        Self { schedule, values }
    }

    /// Averages the weights after optimiser step `step` (the first is 1) in.
    pub fn update(&mut self, weights: &[Tensor<1>], step: u64) {
        let decay = self.schedule.decay_at(step);
        for (average, weight) in self.values.iter_mut().zip(weights) {
            let kept = average.clone().mul_scalar(decay);
            *average = kept + weight.clone().mul_scalar(1.0 - decay);
        }
    }

    /// The averaged weights.
    pub fn values(&self) -> &[Tensor<1>] {
        &self.values
    }
}
