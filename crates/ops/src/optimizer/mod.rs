//! What an optimiser does to each parameter, in one pass over memory.

mod composed;
#[cfg(feature = "flex")]
mod flex;
mod kernels;
mod rule;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use kernels::OptimizerKernels;
pub use rule::AdamWStep;

/// Takes one step of AdamW along `grad_scale` times `grad`: returns the weights, the mean of the
/// gradient and the mean of its square after it. The scale, which clips, is a tensor so that the
/// host need not wait for it.
///
/// None of the tensors is tracked. On the CPU, weights and moments that nobody else holds are
/// overwritten.
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

/// Computes `decay average + (1 - decay) values`, both `[N]` and not tracked. The average is
/// overwritten if nobody else holds it.
///
/// # Panics
/// If the lengths differ.
pub fn moving_average(average: Tensor<1>, values: Tensor<1>, decay: f64) -> Tensor<1> {
    assert_eq!(average.dims(), values.dims(), "moving_average: one value for each average");
    let (average, values) = (average.into_dispatch(), values.into_dispatch());
    Tensor::from_dispatch(Dispatch::average_step(average, values, decay))
}

/// Sums the squares of `[N]` values: `[1]`. The CPU sums in f64 and in one order, whatever the
/// number of threads.
pub fn sum_of_squares(values: Tensor<1>) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::squared_norm(values.into_dispatch()))
}
