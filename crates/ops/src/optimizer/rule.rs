//! The rule of AdamW and the factors of its formulas.

/// The settings of one step of AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2),
/// as torch takes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWStep {
    /// The learning rate of this step.
    pub learning_rate: f64,
    /// The decays of the running means of the gradient and of its square.
    pub betas: [f64; 2],
    /// What is added to the root of the mean square.
    pub epsilon: f64,
    /// The share of the weights that a step removes, times the learning rate.
    pub weight_decay: f64,
    /// The number of this step, from 1.
    pub time: u64,
}

impl AdamWStep {
    /// Computes the factors of the formulas, once and in f64.
    pub(crate) fn factors(&self) -> Factors {
        let [beta1, beta2] = self.betas;
        let correction = |beta: f64| 1.0 - beta.powf(self.time as f64);
        Factors {
            kept: 1.0 - self.learning_rate * self.weight_decay,
            beta1,
            beta2,
            rate: self.learning_rate / correction(beta1),
            second_correction: correction(beta2).recip(),
            epsilon: self.epsilon,
        }
    }
}

/// The factors of a step: `m = beta1 m + (1 - beta1) g`, `v = beta2 v + (1 - beta2) g^2`,
/// `w = kept w - rate m / (sqrt(second_correction v) + epsilon)`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Factors {
    pub(crate) kept: f64,
    pub(crate) beta1: f64,
    pub(crate) beta2: f64,
    pub(crate) rate: f64,
    pub(crate) second_correction: f64,
    pub(crate) epsilon: f64,
}
