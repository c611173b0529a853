//! AdamW over lists of flat tensors, and clipping by the global norm.

use burn::tensor::Tensor;
use halfstep_ops::{AdamWStep, adamw, sum_of_squares};

use crate::config::OptimizerConfig;
use crate::learner::loss_scale::LossScale;

/// AdamW as PyTorch defines it (Loshchilov & Hutter 2019, "Decoupled weight decay regularization").
///
/// Burn's own AdamW is not used: it keys its state by ids that change with every start, and makes a dozen
/// passes over memory.
#[derive(Clone)]
pub struct AdamW {
    config: OptimizerConfig,
    time: u64,
    moments: Option<AdamMoments>,
}

/// AdamW's moments: running means of the gradient and of its square, in the order of the parameters.
#[derive(Clone, Debug)]
pub struct AdamMoments {
    /// Means of the gradient: PyTorch's `exp_avg`.
    pub first: Vec<Tensor<1>>,
    /// Means of its square: PyTorch's `exp_avg_sq`.
    pub second: Vec<Tensor<1>>,
}

impl AdamW {
    /// Before the first step.
    pub fn new(config: &OptimizerConfig) -> Self {
        Self { config: config.clone(), time: 0, moments: None }
    }

    /// After `time` steps, with their moments; `None` means moments of zero.
    pub fn resumed(config: &OptimizerConfig, time: u64, moments: Option<AdamMoments>) -> Self {
        Self { time, moments, ..Self::new(config) }
    }

    /// The number of steps taken, and the moments; `None` before the first step.
    pub fn history(&self) -> (u64, Option<&AdamMoments>) {
        (self.time, self.moments.as_ref())
    }

    /// Replaces the moments.
    #[must_use]
    pub fn with_moments(self, moments: AdamMoments) -> Self {
        Self { moments: Some(moments), ..self }
    }

    /// Takes one step and returns the new parameters. The gradients are multiplied by `grad_scale` `[1]` first.
    pub fn step(
        &mut self,
        learning_rate: f64,
        params: Vec<Tensor<1>>,
        grads: Vec<Tensor<1>>,
        grad_scale: &Tensor<1>,
    ) -> Vec<Tensor<1>> {
        self.time += 1;
        let OptimizerConfig { betas, eps: epsilon, weight_decay, .. } = self.config;
        let step = AdamWStep { learning_rate, betas, epsilon, weight_decay, time: self.time };
        let zeros = || params.iter().map(Tensor::zeros_like).collect();
        let AdamMoments { first, second } =
            self.moments.take().unwrap_or_else(|| AdamMoments { first: zeros(), second: zeros() });

        let count = params.len();
        let mut moments =
            AdamMoments { first: Vec::with_capacity(count), second: Vec::with_capacity(count) };
        let mut updated = Vec::with_capacity(count);
        let inputs = params.into_iter().zip(grads).zip(first.into_iter().zip(second));
        for ((param, grad), (first, second)) in inputs {
            let (param, [first, second]) =
                adamw(param, grad, grad_scale.clone(), [first, second], step);
            moments.first.push(first);
            moments.second.push(second);
            updated.push(param);
        }
        self.moments = Some(moments);
        updated
    }
}

/// The result of clipping by the global norm; both tensors stay on the device.
#[derive(Clone, Debug)]
pub struct Clipping {
    /// The norm of all gradients together, `[1]`.
    pub norm: Tensor<1>,
    /// The factor by which the summed gradients must be multiplied, `[1]`.
    pub scale: Tensor<1>,
}

/// Clips gradients to a global norm of at most `max_norm`, as `torch.nn.utils.clip_grad_norm_` does: they are
/// multiplied by `min(1, max_norm / (norm + 1e-6))`, with the norm of all gradients together. `max_norm` 0
/// turns clipping off.
///
/// The gradients are `sums` (at least one tensor) times `share`, divided by the factor of `loss_scale`.
pub fn clip_by_global_norm(
    sums: &[Tensor<1>],
    share: f64,
    loss_scale: Option<&LossScale>,
    max_norm: f64,
) -> Clipping {
    let of_gradients = |of_sums: Tensor<1>| {
        let shared = of_sums.mul_scalar(share);
        loss_scale.map_or(shared.clone(), |scale| scale.unscaled(shared))
    };
    let squares = sums.iter().map(|grad| sum_of_squares(grad.clone())).collect();
    let norm = of_gradients(Tensor::cat(squares, 0).sum().sqrt()); // [1]
    let scale = if max_norm == 0.0 {
        norm.ones_like()
    } else {
        norm.clone().add_scalar(1e-6).recip().mul_scalar(max_norm).clamp_max(1.0)
    };
    Clipping { norm, scale: of_gradients(scale) }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn values(tensor: &Tensor<1>) -> Vec<f32> {
        tensor.to_data().try_into_vec().unwrap()
    }

    fn tensor(values: &[f32]) -> Tensor<1> {
        Tensor::from_floats(values, &Device::flex())
    }

    /// Compares two steps with the published rule in f64 (Loshchilov & Hutter 2019, algorithm 2, constant
    /// schedule).
    #[test]
    fn two_steps_follow_the_paper() {
        let config = OptimizerConfig { weight_decay: 0.1, ..OptimizerConfig::default() };
        let mut adamw = AdamW::new(&config);
        let (lr, grads) = (0.01, [0.5f64, -0.25]);
        let mut params = vec![tensor(&[2.0])];
        let (mut w, mut m, mut v) = (2.0f64, 0.0, 0.0);
        for (i, g) in grads.into_iter().enumerate() {
            params = adamw.step(lr, params, vec![tensor(&[g as f32])], &tensor(&[1.0]));
            let t = i as i32 + 1;
            (m, v) = (0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g);
            let (m_hat, v_hat) = (m / (1.0 - 0.9f64.powi(t)), v / (1.0 - 0.999f64.powi(t)));
            w -= lr * 0.1 * w;
            w -= lr * m_hat / (v_hat.sqrt() + 1e-8);
        }
        // f32 rounding of numbers near 2: a few units in the last place.
        assert!((f64::from(values(&params[0])[0]) - w).abs() < 1e-6, "{params:?} {w}");
    }

    #[test]
    fn clipping_uses_the_norm_of_all_gradients_together() {
        let Clipping { norm, scale } =
            clip_by_global_norm(&[tensor(&[3.0]), tensor(&[0.0, 4.0])], 1.0, None, 1.0);
        assert_eq!(values(&norm), [5.0]);
        // The 1e-6 that is added to the norm.
        assert!((values(&scale)[0] - 0.2).abs() < 1e-6);
    }

    #[test]
    fn clipping_applies_to_the_mean_of_the_parts() {
        let sums = [tensor(&[6.0]), tensor(&[0.0, 8.0])];
        let Clipping { norm, scale } = clip_by_global_norm(&sums, 0.5, None, 100.0);
        assert_eq!((values(&norm), values(&scale)), (vec![5.0], vec![0.5]));
    }

    #[test]
    fn the_loss_scale_is_divided_out() {
        let loss_scale = LossScale::restored([1024.0, 0.0], &Device::flex());
        let sums = [tensor(&[3.0 * 1024.0]), tensor(&[4.0 * 1024.0])];
        let Clipping { norm, scale } = clip_by_global_norm(&sums, 1.0, Some(&loss_scale), 100.0);
        assert_eq!((values(&norm), values(&scale)), (vec![5.0], vec![1.0 / 1024.0]));
    }

    #[test]
    fn small_gradients_and_a_limit_of_zero_change_nothing() {
        for (grad, max_norm) in [(0.3, 1.0), (30.0, 0.0)] {
            let clipping = clip_by_global_norm(&[tensor(&[grad])], 1.0, None, max_norm);
            assert_eq!(values(&clipping.scale), [1.0]);
        }
    }
}
