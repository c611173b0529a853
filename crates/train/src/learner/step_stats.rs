//! The numbers of an optimiser step: first on the device, then on the host.

use burn::tensor::{Bool, Tensor};

use crate::error::TrainError;

/// The numbers of a step, still on the device. Reading them waits for the device.
#[derive(Clone, Debug)]
pub struct StepStats {
    /// Weighted loss, `[1]`.
    pub(crate) loss: Tensor<1>,
    /// Gradient norm before clipping, `[1]`.
    pub(crate) grad_norm: Tensor<1>,
    /// Whether the step was taken, `[1]`; `None`: steps are never skipped.
    pub(crate) taken: Option<Tensor<1, Bool>>,
    /// The mean squared error of each image, one tensor per part.
    pub(crate) errors: Vec<Tensor<1>>,
    /// The time of each image, `u` in `(0, 1]`.
    pub(crate) levels: Vec<f64>,
}

/// The numbers of a step, on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct StepNumbers {
    /// Weighted loss.
    pub loss: f64,
    /// Gradient norm before clipping.
    pub grad_norm: f64,
    /// Whether the step was taken. A step is skipped if a scaled gradient overflows, or by
    /// [`NonFinite::Skip`](crate::NonFinite).
    pub taken: bool,
    /// For each image its time `u = (t + 1)/T` and the mean squared error of its prediction.
    pub errors: Vec<(f64, f64)>,
}

impl StepNumbers {
    /// The mean squared error of the prediction, over all images.
    pub fn mse(&self) -> f64 {
        self.errors.iter().map(|(_, error)| error).sum::<f64>() / self.errors.len() as f64
    }
}

impl StepStats {
    /// Waits for the step and reads its numbers.
    ///
    /// # Errors
    /// [`TrainError::Device`] if the device has failed.
    pub fn read(self) -> Result<StepNumbers, TrainError> {
        Self::read_all(vec![self])?.pop().ok_or_else(lost)
    }

    /// Reads the numbers of many steps, waiting for the device once.
    ///
    /// # Errors
    /// [`TrainError::Device`] if the device has failed.
    pub fn read_all(steps: Vec<Self>) -> Result<Vec<StepNumbers>, TrainError> {
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let (mut tensors, mut levels) = (Vec::new(), Vec::new());
        for Self { loss, grad_norm, taken, errors, levels: of_step } in steps {
            let taken = taken.map_or_else(|| Tensor::ones_like(&loss), |taken| taken.float());
            tensors.extend([loss, grad_norm, taken]);
            tensors.extend(errors);
            levels.push(of_step);
        }
        let data = Tensor::cat(tensors, 0).try_into_data().map_err(TrainError::device)?;
        let mut values = data.iter::<f64>();
        levels.into_iter().map(|of_step| Self::on_host(&mut values, of_step)).collect()
    }

    fn on_host(
        values: &mut impl Iterator<Item = f64>,
        levels: Vec<f64>,
    ) -> Result<StepNumbers, TrainError> {
        let mut next = || values.next().ok_or_else(lost);
        Ok(StepNumbers {
            loss: next()?,
            grad_norm: next()?,
            taken: next()? != 0.0,
            errors: levels
                .into_iter()
                .map(|u| Ok((u, next()?)))
                .collect::<Result<_, TrainError>>()?,
        })
    }
}

fn lost() -> TrainError {
    TrainError::Device("a step's numbers did not come back".to_owned())
}
