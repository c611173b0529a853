//! Loss scaling for f16, without waiting for the device.

use burn::tensor::{Device, Tensor};
use halfstep_model::Precision;

use crate::error::TrainError;
use crate::learner::step_gate::{StepGate, all_finite};

/// The first factor of PyTorch's `GradScaler`.
const FIRST: f32 = 65536.0;
/// Finite steps after which the factor doubles: the growth interval of PyTorch's `GradScaler`.
const GROWS_AFTER: f32 = 2000.0;

/// Keeps small gradients from vanishing in f16: the loss is multiplied by a factor before the backward pass,
/// and the gradients are divided by it afterwards (Micikevicius et al. 2018, "Mixed precision training",
/// section 3.2). A step whose gradient is not finite is skipped and halves the factor; 2000 finite steps in a
/// row double it.
///
/// The factor, the count and the [`StepGate`] stay on the device; the host does not wait for them.
#[derive(Clone, Debug)]
pub struct LossScale {
    /// The factor of the loss, `[1]`.
    factor: Tensor<1>,
    /// Finite steps since the factor last changed, `[1]`.
    good_steps: Tensor<1>,
}

impl LossScale {
    /// The state at the start of training, on a device without autodiff.
    pub fn new(device: &Device) -> Self {
        Self::restored([FIRST, 0.0], device)
    }

    /// A loss scale if `precision` needs one, which is f16.
    pub fn needed_by(precision: Precision, device: &Device) -> Option<Self> {
        (precision == Precision::F16).then(|| Self::new(device))
    }

    /// Restores the two numbers that [`read`](Self::read) returned.
    pub fn restored([factor, good_steps]: [f32; 2], device: &Device) -> Self {
        let tensor = |value: f32| Tensor::from_floats([value], device);
        Self { factor: tensor(factor), good_steps: tensor(good_steps) }
    }

    /// The factor, and the finite steps since it last changed. Waits for the device.
    ///
    /// # Errors
    /// [`TrainError::Device`] if the device failed.
    pub fn read(&self) -> Result<[f32; 2], TrainError> {
        let both = Tensor::cat(vec![self.factor.clone(), self.good_steps.clone()], 0);
        let data = both.try_into_data().map_err(TrainError::device)?;
        let values: Vec<f32> = data.iter().collect();
        <[f32; 2]>::try_from(values)
            .map_err(|_| TrainError::Device("a scalar of the wrong shape came back".to_owned()))
    }

    /// The loss `[1]` times the factor, from which the backward pass starts.
    pub fn scaled(&self, loss: Tensor<1>) -> Tensor<1> {
        loss * Tensor::from_inner(self.factor.clone())
    }

    /// Divides a gradient of the scaled loss, or its norm, by the factor.
    pub fn unscaled(&self, of_scaled: Tensor<1>) -> Tensor<1> {
        of_scaled / self.factor.clone()
    }

    /// Decides whether a step is taken, from the norm `[1]` of its gradients, and updates the factor.
    pub fn gate(&mut self, norm: Tensor<1>) -> StepGate {
        let finite = all_finite(&norm, &[]);
        let overflowed = finite.clone().bool_not();
        let exhausted = self.factor.clone().lower_elem(1.0);
        let norm = norm.mask_fill(overflowed.clone().bool_and(exhausted.bool_not()), 0.0);

        let good = self.good_steps.clone().add_scalar(1.0).mask_fill(overflowed.clone(), 0.0);
        let grown = good.clone().greater_equal_elem(GROWS_AFTER);
        let factor = self.factor.clone();
        let factor = factor.clone().mask_where(overflowed, factor.mul_scalar(0.5));
        self.factor = factor.clone().mask_where(grown.clone(), factor.mul_scalar(2.0));
        self.good_steps = good.mask_fill(grown, 0.0);
        StepGate::new(finite, norm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learner::optimizer::AdamMoments;

    fn tensor(values: &[f32]) -> Tensor<1> {
        Tensor::from_floats(values, &Device::flex())
    }

    fn values(tensor: Tensor<1>) -> Vec<f32> {
        tensor.into_data().try_into_vec().unwrap()
    }

    #[test]
    fn unscaled_gradients_equal_those_of_the_loss() {
        let x = Tensor::<1>::from_floats([3.0], &Device::flex().autodiff()).require_grad();
        let scale = LossScale::new(&Device::flex());
        let grads = scale.scaled(x.clone().square()).backward();
        let scaled = x.grad(&grads).unwrap();
        assert_eq!(values(scaled.clone()), [6.0 * 65536.0]);
        assert_eq!(values(scale.unscaled(scaled)), [6.0]);
    }

    #[test]
    fn an_overflow_halves_the_factor_and_changes_nothing_else() {
        for norm in [f32::INFINITY, f32::NAN] {
            let mut scale = LossScale::restored([65536.0, 7.0], &Device::flex());
            let gate = scale.gate(tensor(&[norm]));
            assert_eq!(scale.read().unwrap(), [32768.0, 0.0]);
            assert_eq!(values(gate.norm()), [0.0]);
            let chosen = gate.choose(vec![tensor(&[f32::NAN, 1.0])], vec![tensor(&[2.0, 3.0])]);
            assert_eq!(values(chosen[0].clone()), [2.0, 3.0]);
            let after = AdamMoments { first: vec![tensor(&[norm])], second: vec![tensor(&[norm])] };
            let moments = gate.choose_moments(after, None);
            assert_eq!(values(moments.first[0].clone()), [0.0]);
            assert_eq!(values(moments.second[0].clone()), [0.0]);
        }
    }

    #[test]
    fn the_last_of_2000_finite_steps_doubles_the_factor() {
        let mut scale = LossScale::restored([1024.0, 1998.0], &Device::flex());
        let gate = scale.gate(tensor(&[0.5]));
        assert_eq!(scale.read().unwrap(), [1024.0, 1999.0]);
        assert_eq!(values(gate.norm()), [0.5]);
        let chosen = gate.choose(vec![tensor(&[1.0])], vec![tensor(&[2.0])]);
        assert_eq!(values(chosen[0].clone()), [1.0]);
        scale.gate(tensor(&[0.5]));
        assert_eq!(scale.read().unwrap(), [2048.0, 0.0]);
    }

    #[test]
    fn an_overflow_that_no_factor_explains_is_reported() {
        let mut scale = LossScale::restored([0.5, 0.0], &Device::flex());
        let gate = scale.gate(tensor(&[f32::INFINITY]));
        assert_eq!(values(gate.norm()), [f32::INFINITY]);
    }
}
