//! AdamW over lists of flat tensors.

use burn::tensor::Tensor;
use halfstep_ops::{AdamWStep, adamw};
use serde::{Deserialize, Serialize};

/// `[teacher.optimizer]` or `[distill.optimizer]`: AdamW's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerConfig {
    /// AdamW's betas, each in [0, 1).
    pub betas: [f64; 2],
    /// AdamW's epsilon; positive.
    pub eps: f64,
    /// Decoupled weight decay; 0 turns it off.
    pub weight_decay: f64,
    /// The largest global norm of the gradient; 0 turns clipping off.
    pub grad_clip: f64,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.0, grad_clip: 1.0 }
    }
}

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
}
