//! Exponential integrators in lambda: what DPM-Solver (Lu et al. 2022,
//! <https://arxiv.org/abs/2206.00927>) and DPM-Solver++ (<https://arxiv.org/abs/2211.01095>) share.
//!
//! Over a jump of `h = lambda_t - lambda_s` all of them are
//!
//! `z_t = a z - c (psi_1(x) D0 + psi_2(x) D1 + psi_3(x) D2) + std noise`
//!
//! with `D0` the network's prediction at s, `D1 = h d/dlambda` and `D2 = h^2 d^2/dlambda^2` of it by
//! finite differences, and `psi_1 = e^x - 1`, `psi_2 = psi_1/x - 1`, `psi_3 = (psi_1 - x)/x^2 - 1/2`.

use burn::tensor::Tensor;
use halfstep_core::{NoiseLevel, Prediction};

/// Which prediction is held to be smooth in lambda, and whether noise is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SolverForm {
    /// eps: DPM-Solver. Divides by alpha.
    Noise,
    /// x0: DPM-Solver++. Finite at alpha = 0.
    Data,
    /// x0, over the reverse SDE: SDE-DPM-Solver++. Finite at alpha = 0.
    DataSde,
    /// eps, over the reverse SDE: SDE-DPM-Solver. Divides by alpha.
    NoiseSde,
}

/// How a second-order update weights D1: the two agree to second order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Correction {
    /// Half of D0's weight, DPM-Solver's own choice.
    #[default]
    Midpoint,
    /// The integral of the linear term, `psi_2`.
    Heun,
}

/// The coefficients of one jump.
#[derive(Clone, Copy, Debug)]
pub struct ExponentialStep {
    on_z: f64,
    scale: f64,
    x: f64,
    std: f64,
}

impl SolverForm {
    /// D0: the prediction as this form takes it.
    pub fn value(self, p: &Prediction) -> Tensor<4> {
        match self {
            Self::Noise | Self::NoiseSde => p.eps(),
            Self::Data | Self::DataSde => p.x0(),
        }
    }

    /// Whether it divides by alpha.
    pub fn needs_signal(self) -> bool {
        matches!(self, Self::Noise | Self::NoiseSde)
    }

    /// Whether it adds noise.
    pub fn is_sde(self) -> bool {
        matches!(self, Self::DataSde | Self::NoiseSde)
    }

    /// The coefficients from one level to another.
    pub fn step(self, from: NoiseLevel, to: NoiseLevel) -> ExponentialStep {
        let h = to.lambda() - from.lambda();
        let (alphas, sigmas) = (to.alpha() / from.alpha(), to.sigma() / from.sigma());
        let root = |x: f64| x.exp_m1().abs().sqrt();
        match self {
            Self::Noise => ExponentialStep { on_z: alphas, scale: to.sigma(), x: h, std: 0.0 },
            Self::Data => ExponentialStep { on_z: sigmas, scale: to.alpha(), x: -h, std: 0.0 },
            Self::DataSde => ExponentialStep {
                on_z: sigmas * (-h).exp(),
                scale: to.alpha(),
                x: -2.0 * h,
                std: to.sigma() * root(-2.0 * h),
            },
            Self::NoiseSde => ExponentialStep {
                on_z: alphas,
                scale: 2.0 * to.sigma(),
                x: h,
                std: to.sigma() * root(2.0 * h),
            },
        }
    }
}

impl ExponentialStep {
    /// `a z - c psi_1 D0`.
    pub fn first(&self, z: Tensor<4>, d0: Tensor<4>) -> Tensor<4> {
        z * self.on_z - d0 * (self.scale * psi_1(self.x))
    }

    /// What D1 adds.
    pub fn second(&self, d1: Tensor<4>, correction: Correction) -> Tensor<4> {
        let weight = match correction {
            Correction::Midpoint => 0.5 * psi_1(self.x),
            Correction::Heun => psi_2(self.x),
        };
        -d1 * (self.scale * weight)
    }

    /// What D2 adds.
    pub fn third(&self, d2: Tensor<4>) -> Tensor<4> {
        -d2 * (self.scale * psi_3(self.x))
    }

    /// Standard deviation of the noise; 0 for the ODE.
    pub fn std(&self) -> f64 {
        self.std
    }
}

/// A prediction at a noise level, as a solver's form takes it.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where the network was called.
    pub level: NoiseLevel,
    /// [`SolverForm::value`] of what it predicted, `[B, C, H, W]`.
    pub value: Tensor<4>,
}

fn psi_1(x: f64) -> f64 {
    x.exp_m1()
}

fn psi_2(x: f64) -> f64 {
    if x.abs() < 1.0 { tail(x, 2) } else { x.exp_m1() / x - 1.0 }
}

fn psi_3(x: f64) -> f64 {
    if x.abs() < 1.0 { tail(x, 3) } else { (x.exp_m1() - x) / (x * x) - 0.5 }
}

/// `sum_{n >= 1} x^n / (n + k - 1)!`: what the closed forms lose to cancellation near 0.
fn tail(x: f64, k: u32) -> f64 {
    let mut term = 1.0 / (1..k).map(f64::from).product::<f64>();
    let mut sum = 0.0;
    // 20 terms: x^20 / 21! is below 2e-20 for |x| < 1.
    for n in 1..=20 {
        term *= x / f64::from(n + k - 1);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_and_closed_forms_meet() {
        for x in [-1.0, 1.0] {
            let closed_2 = f64::exp_m1(x) / x - 1.0;
            let closed_3 = (f64::exp_m1(x) - x) / (x * x) - 0.5;
            assert!((tail(x, 2) - closed_2).abs() < 1e-15, "{} {closed_2}", tail(x, 2));
            assert!((tail(x, 3) - closed_3).abs() < 1e-15, "{} {closed_3}", tail(x, 3));
        }
        assert!((psi_2(1e-9) / 5e-10 - 1.0).abs() < 1e-8);
        assert!((psi_3(1e-9) / (1e-9 / 6.0) - 1.0).abs() < 1e-8);
    }

    #[test]
    fn the_data_form_is_finite_at_both_ends() {
        let middle = NoiseLevel::from_log_snr(0.3);
        for form in [SolverForm::Data, SolverForm::DataSde] {
            let start = form.step(NoiseLevel::PURE_NOISE, middle);
            let end = form.step(middle, NoiseLevel::CLEAN);
            assert_eq!(-start.scale * psi_1(start.x), middle.alpha(), "{form:?}");
            assert_eq!((end.on_z, -end.scale * psi_1(end.x), end.std), (0.0, 1.0, 0.0), "{form:?}");
        }
        let start = SolverForm::Data.step(NoiseLevel::PURE_NOISE, middle);
        assert_eq!(start.on_z, middle.sigma());
        let start = SolverForm::DataSde.step(NoiseLevel::PURE_NOISE, middle);
        assert_eq!((start.on_z, start.std), (0.0, middle.sigma()));
    }
}
