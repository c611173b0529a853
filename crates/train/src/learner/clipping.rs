//! Clipping gradients by their global norm.

use burn::tensor::Tensor;
use halfstep_ops::sum_of_squares;

use crate::learner::loss_scale::LossScale;

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
