//! AdamW over flat parameter lists, and clipping by the global norm.

use burn::optim::{AdamW as BurnAdamW, AdamWConfig, AdamWState, AdaptiveMomentumState, Optimizer};
use burn::tensor::Tensor;

use crate::config::OptimizerConfig;

/// AdamW as torch defines it (Loshchilov & Hutter 2019): Burn's update rule with torch's epsilon and
/// our own bookkeeping, since Burn keys its state by ids that change with every start.
#[derive(Clone)]
pub struct AdamW {
    rule: BurnAdamW,
    time: usize,
    moments: Option<Moments>,
}

/// Running means of the gradient and of its square, in the order of the parameters.
#[derive(Clone, Debug)]
pub struct Moments {
    /// torch's `exp_avg`.
    pub first: Vec<Tensor<1>>,
    /// torch's `exp_avg_sq`.
    pub second: Vec<Tensor<1>>,
}

impl AdamW {
    /// Without history.
    pub fn new(config: &OptimizerConfig) -> Self {
        let rule = AdamWConfig::new()
            .with_beta_1(config.betas[0] as f32)
            .with_beta_2(config.betas[1] as f32)
            .with_epsilon(config.eps as f32)
            .with_weight_decay(config.weight_decay as f32)
            .build();
        Self { rule, time: 0, moments: None }
    }

    /// With the history of `time` steps.
    pub fn resumed(config: &OptimizerConfig, time: usize, moments: Option<Moments>) -> Self {
        Self { time, moments, ..Self::new(config) }
    }

    /// Steps taken, and the moments after them.
    pub fn history(&self) -> (usize, Option<&Moments>) {
        (self.time, self.moments.as_ref())
    }

    /// With other moments than the last step left.
    #[must_use]
    pub fn with_moments(self, moments: Moments) -> Self {
        Self { moments: Some(moments), ..self }
    }

    /// The parameters after one step.
    pub fn step(
        &mut self,
        lr: f64,
        params: Vec<Tensor<1>>,
        grads: Vec<Tensor<1>>,
    ) -> Vec<Tensor<1>> {
        let count = params.len();
        let mut states: Vec<Option<AdamWState<1>>> = match self.moments.take() {
            Some(Moments { first, second }) => first
                .into_iter()
                .zip(second)
                .map(|(m, v)| Some(AdamWState::new(AdaptiveMomentumState::new(self.time, m, v))))
                .collect(),
            None => vec![None; count],
        };
        states.resize(count, None);
        let mut moments =
            Moments { first: Vec::with_capacity(count), second: Vec::with_capacity(count) };
        let mut updated = Vec::with_capacity(count);
        for ((param, grad), state) in params.into_iter().zip(grads).zip(states) {
            let (param, state) = self.rule.step(lr, param, grad, state);
            if let Some(state) = state {
                moments.first.push(state.momentum.moment_1);
                moments.second.push(state.momentum.moment_2);
            }
            updated.push(param);
        }
        self.time += 1;
        self.moments = Some(moments);
        updated
    }
}

/// Scales all gradients by `min(1, max_norm / (norm + 1e-6))`, norm over all of them together, as
/// `torch.nn.utils.clip_grad_norm_` does. `max_norm` 0 leaves them. Returns the norm before, `[1]`,
/// without waiting for the device.
pub fn clip_by_global_norm(
    grads: Vec<Tensor<1>>,
    max_norm: f64,
) -> (Vec<Tensor<1>>, Option<Tensor<1>>) {
    let squares: Vec<Tensor<1>> = grads.iter().map(|grad| grad.clone().square().sum()).collect();
    if squares.is_empty() {
        return (grads, None);
    }
    let norm = Tensor::cat(squares, 0).sum().sqrt(); // [1]
    if max_norm == 0.0 {
        return (grads, Some(norm));
    }
    let scale = norm.clone().add_scalar(1e-6).recip().mul_scalar(max_norm).clamp_max(1.0); // [1]
    let clipped = grads.into_iter().map(|grad| grad * scale.clone()).collect();
    (clipped, Some(norm))
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

    /// Two steps of the published rule (Loshchilov & Hutter 2019, algorithm 2, constant schedule),
    /// in f64.
    #[test]
    fn two_steps_follow_the_paper() {
        let config = OptimizerConfig { weight_decay: 0.1, ..OptimizerConfig::default() };
        let mut adamw = AdamW::new(&config);
        let (lr, grads) = (0.01, [0.5f64, -0.25]);
        let mut params = vec![tensor(&[2.0])];
        let (mut w, mut m, mut v) = (2.0f64, 0.0, 0.0);
        for (i, g) in grads.into_iter().enumerate() {
            params = adamw.step(lr, params, vec![tensor(&[g as f32])]);
            let t = i as i32 + 1;
            (m, v) = (0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g);
            let (m_hat, v_hat) = (m / (1.0 - 0.9f64.powi(t)), v / (1.0 - 0.999f64.powi(t)));
            w -= lr * 0.1 * w;
            w -= lr * m_hat / (v_hat.sqrt() + 1e-8);
        }
        // f32 arithmetic on numbers around 2: a few units in the last place.
        assert!((f64::from(values(&params[0])[0]) - w).abs() < 1e-6, "{params:?} {w}");
    }

    #[test]
    fn clipping_uses_the_norm_of_all_gradients_together() {
        let (clipped, norm) = clip_by_global_norm(vec![tensor(&[3.0]), tensor(&[0.0, 4.0])], 1.0);
        assert_eq!(values(&norm.unwrap()), [5.0]);
        assert!(
            (values(&clipped[0])[0] - 0.6).abs() < 1e-6
                && (values(&clipped[1])[1] - 0.8).abs() < 1e-6
        );
    }

    #[test]
    fn small_gradients_and_zero_limits_are_left_alone() {
        let (clipped, _) = clip_by_global_norm(vec![tensor(&[0.3])], 1.0);
        assert_eq!(values(&clipped[0]), [0.3]);
        let (clipped, _) = clip_by_global_norm(vec![tensor(&[30.0])], 0.0);
        assert_eq!(values(&clipped[0]), [30.0]);
    }
}
