//! The optimiser's operations, composed of Burn's.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;

use super::rule::Factors;

/// Takes a step of AdamW: returns weights, first and second moments.
pub(super) fn adamw<B: Backend>(
    weights: FloatTensor<B>,
    grad: FloatTensor<B>,
    grad_scale: FloatTensor<B>,
    [first, second]: [FloatTensor<B>; 2],
    factors: Factors,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let Factors { kept, beta1, beta2, rate, second_correction, epsilon } = factors;
    let grad = B::float_mul(grad, grad_scale);
    let first = average::<B>(first, grad.clone(), beta1);
    let second = average::<B>(second, B::float_mul(grad.clone(), grad), beta2);
    let root = B::float_sqrt(B::float_mul_scalar(second.clone(), second_correction.into()));
    let move_by = B::float_div(
        B::float_mul_scalar(first.clone(), rate.into()),
        B::float_add_scalar(root, epsilon.into()),
    );
    let weights = if kept == 1.0 { weights } else { B::float_mul_scalar(weights, kept.into()) };
    (B::float_sub(weights, move_by), first, second)
}

/// Computes `decay average + (1 - decay) values`.
pub(super) fn average<B: Backend>(
    average: FloatTensor<B>,
    values: FloatTensor<B>,
    decay: f64,
) -> FloatTensor<B> {
    B::float_add(
        B::float_mul_scalar(average, decay.into()),
        B::float_mul_scalar(values, (1.0 - decay).into()),
    )
}

/// Sums the squares.
pub(super) fn sum_of_squares<B: Backend>(values: FloatTensor<B>) -> FloatTensor<B> {
    B::float_sum(B::float_mul(values.clone(), values))
}
