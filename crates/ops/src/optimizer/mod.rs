//! What an optimiser does to each parameter, in one pass over memory.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

#[cfg(feature = "flex")]
mod flex;

#[cfg(feature = "flex")]
use crate::conv::kernels::on_flex::ours;
#[cfg(feature = "flex")]
use crate::cpu::{owned, tensor, values, values_mut};

/// One step of AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2) as torch takes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWStep {
    /// The rate of this step.
    pub learning_rate: f64,
    /// Decays of the means of the gradient and of its square.
    pub betas: [f64; 2],
    /// Added to the root of the mean square.
    pub epsilon: f64,
    /// Times the learning rate, the share of the weights that is taken off.
    pub weight_decay: f64,
    /// Steps including this one, from 1.
    pub time: u64,
}

impl AdamWStep {
    /// The factors of the formulas, worked out once in f64.
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

/// `m = beta1 m + (1 - beta1) g`, `v = beta2 v + (1 - beta2) g^2`,
/// `w = kept w - rate m / (sqrt(second_correction v) + epsilon)`
#[derive(Clone, Copy, Debug)]
pub(crate) struct Factors {
    pub(crate) kept: f64,
    pub(crate) beta1: f64,
    pub(crate) beta2: f64,
    pub(crate) rate: f64,
    pub(crate) second_correction: f64,
    pub(crate) epsilon: f64,
}

/// Weights, mean of the gradient and mean of its square after one step of AdamW along
/// `grad_scale` times `grad`. The scale, that of clipping, is a tensor so that nobody waits for it.
///
/// None of the tensors is tracked. On the CPU, weights and moments that nobody else holds are written
/// over.
///
/// # Shapes
/// - weights, grad, first, second: `[N]`
/// - grad_scale: `[1]`
///
/// # Panics
/// If the lengths differ.
pub fn adamw(
    weights: Tensor<1>,
    grad: Tensor<1>,
    grad_scale: Tensor<1>,
    [first, second]: [Tensor<1>; 2],
    step: AdamWStep,
) -> (Tensor<1>, [Tensor<1>; 2]) {
    let shape = weights.dims();
    for other in [&grad, &first, &second] {
        assert_eq!(other.dims(), shape, "adamw: one value for each weight");
    }
    assert_eq!(grad_scale.dims(), [1], "adamw: one scale");
    let (weights, first, second) = Dispatch::adamw_step(
        weights.into_dispatch(),
        grad.into_dispatch(),
        grad_scale.into_dispatch(),
        first.into_dispatch(),
        second.into_dispatch(),
        step.factors(),
    );
    let [weights, first, second] = [weights, first, second].map(Tensor::from_dispatch);
    (weights, [first, second])
}

/// `decay average + (1 - decay) values`, both `[N]` and not tracked; the average is written over if
/// nobody else holds it.
///
/// # Panics
/// If the lengths differ.
pub fn moving_average(average: Tensor<1>, values: Tensor<1>, decay: f64) -> Tensor<1> {
    assert_eq!(average.dims(), values.dims(), "moving_average: one value for each average");
    let (average, values) = (average.into_dispatch(), values.into_dispatch());
    Tensor::from_dispatch(Dispatch::average_step(average, values, decay))
}

/// The sum of the squares of `[N]` values, `[1]`. On the CPU added up in f64 and in order, whatever
/// the number of threads.
pub fn sum_of_squares(values: Tensor<1>) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::squared_norm(values.into_dispatch()))
}

/// Routes to the backend of the tensors.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm")),
    NdArray: cfg(feature = "ndarray")
)]
pub(crate) trait OptimizerKernels: Backend {
    fn adamw_step(
        weights: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        grad_scale: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        factors: Factors,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        composed_adamw::<Self>(weights, grad, grad_scale, [first, second], factors)
    }

    fn average_step(
        average: FloatTensor<Self>,
        values: FloatTensor<Self>,
        decay: f64,
    ) -> FloatTensor<Self> {
        composed_average::<Self>(average, values, decay)
    }

    fn squared_norm(values: FloatTensor<Self>) -> FloatTensor<Self> {
        composed_squared_norm::<Self>(values)
    }
}

fn composed_adamw<B: Backend>(
    weights: FloatTensor<B>,
    grad: FloatTensor<B>,
    grad_scale: FloatTensor<B>,
    [first, second]: [FloatTensor<B>; 2],
    factors: Factors,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let Factors { kept, beta1, beta2, rate, second_correction, epsilon } = factors;
    let grad = B::float_mul(grad, grad_scale);
    let first = B::float_add(
        B::float_mul_scalar(first, beta1.into()),
        B::float_mul_scalar(grad.clone(), (1.0 - beta1).into()),
    );
    let square = B::float_mul(grad.clone(), grad);
    let second = B::float_add(
        B::float_mul_scalar(second, beta2.into()),
        B::float_mul_scalar(square, (1.0 - beta2).into()),
    );
    let root = B::float_sqrt(B::float_mul_scalar(second.clone(), second_correction.into()));
    let move_by = B::float_div(
        B::float_mul_scalar(first.clone(), rate.into()),
        B::float_add_scalar(root, epsilon.into()),
    );
    let weights = if kept == 1.0 { weights } else { B::float_mul_scalar(weights, kept.into()) };
    (B::float_sub(weights, move_by), first, second)
}

fn composed_average<B: Backend>(
    average: FloatTensor<B>,
    values: FloatTensor<B>,
    decay: f64,
) -> FloatTensor<B> {
    B::float_add(
        B::float_mul_scalar(average, decay.into()),
        B::float_mul_scalar(values, (1.0 - decay).into()),
    )
}

fn composed_squared_norm<B: Backend>(values: FloatTensor<B>) -> FloatTensor<B> {
    B::float_sum(B::float_mul(values.clone(), values))
}

#[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]
impl OptimizerKernels for burn::backend::Cube {}

#[cfg(feature = "ndarray")]
impl OptimizerKernels for burn::backend::NdArray {}

/// The kernels written here for f32, Burn's for every other type, as for convolutions.
#[cfg(feature = "flex")]
impl OptimizerKernels for burn::backend::Flex {
    fn adamw_step(
        weights: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        grad_scale: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        factors: Factors,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        if !ours(&weights) {
            return composed_adamw::<Self>(weights, grad, grad_scale, [first, second], factors);
        }
        let (grad, scale) = (grad.to_contiguous(), grad_scale.to_contiguous());
        let [mut weights, mut first, mut second] = [weights, first, second].map(owned);
        flex::AdamW { factors, scale: values(&scale)[0] }.run(
            values_mut(&mut weights),
            values(&grad),
            values_mut(&mut first),
            values_mut(&mut second),
        );
        (weights, first, second)
    }

    fn average_step(
        average: FloatTensor<Self>,
        new: FloatTensor<Self>,
        decay: f64,
    ) -> FloatTensor<Self> {
        if !ours(&average) {
            return composed_average::<Self>(average, new, decay);
        }
        let new = new.to_contiguous();
        let mut average = owned(average);
        flex::average(values_mut(&mut average), values(&new), decay);
        average
    }

    fn squared_norm(new: FloatTensor<Self>) -> FloatTensor<Self> {
        if !ours(&new) {
            return composed_squared_norm::<Self>(new);
        }
        let new = new.to_contiguous();
        tensor(vec![flex::sum_of_squares(values(&new)) as f32], [1])
    }
}
