//! The seam between networks and everything that trains them or draws with them.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::class_input::ClassInput;
use crate::dropout::DropoutMasks;
use halfstep_ops::device::Precision;

/// What training, distillation and drawing need of a network. Implement it for a Burn module of your own;
/// [`UNet`](crate::UNet) is the one that comes with this crate.
///
/// # Example
/// ```
/// use burn::module::{Module, Param};
/// use burn::tensor::{Device, Tensor};
/// use halfstep_model::{Network, flat_params};
///
/// /// Predicts `scale z` at every time.
/// #[derive(Module, Debug)]
/// struct Scaled {
///     scale: Param<Tensor<1>>,
/// }
///
/// impl Network for Scaled {
///     fn predict(&self, z: Tensor<4>, _times: &[f64], _labels: Option<&[u32]>) -> Tensor<4> {
///         z * self.scale.val().reshape([1, 1, 1, 1])
///     }
/// }
///
/// let device = Device::flex();
/// let network = Scaled { scale: Param::from_tensor(Tensor::from_floats([0.5], &device)) };
/// let output = network.predict(Tensor::ones([1, 3, 8, 8], &device), &[999.0], None);
/// assert_eq!(output.mean().into_scalar::<f32>(), 0.5);
/// assert_eq!(flat_params(&network).len(), 1);
/// ```
pub trait Network: Module + Sync {
    /// The raw output for a batch of noisy images: eps, x0 or v, whichever the network was trained to predict.
    ///
    /// # Shapes
    /// - z: `[B, C, H, W]`
    /// - times: discrete times in `[0, T - 1]`, one per image or one for all
    /// - labels: one per image, as [`class_input`](Self::class_input) asks for
    /// - output: `[B, C, H, W]`, in the type of z
    fn predict(&self, z: Tensor<4>, times: &[f64], labels: Option<&[u32]>) -> Tensor<4>;

    /// [`predict`](Self::predict) during training: a network with dropout takes its masks from `masks`. By
    /// default the same as `predict`.
    fn predict_training(
        &self,
        z: Tensor<4>,
        times: &[f64],
        labels: Option<&[u32]>,
        masks: Option<DropoutMasks<'_>>,
    ) -> Tensor<4> {
        let _ = masks;
        self.predict(z, times, labels)
    }

    /// The class labels that the network takes. By default none.
    fn class_input(&self) -> ClassInput {
        ClassInput::None
    }

    /// A copy whose forward and backward pass compute in `precision` while its parameters stay in f32;
    /// `None` if the network does not support it. By default only [`Precision::F32`] is supported.
    fn computing_in(&self, precision: Precision) -> Option<Self> {
        (precision == Precision::F32).then(|| self.clone())
    }
}
