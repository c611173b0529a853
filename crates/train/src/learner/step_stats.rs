//! What a step did: on the device, then on the host.

use burn::tensor::{Bool, Tensor};

use crate::error::TrainError;

/// What a step did, still on the device: reading it is what waits.
#[derive(Clone, Debug)]
pub struct StepStats {
    /// Weighted loss, `[1]`.
    pub(crate) loss: Tensor<1>,
    /// Gradient norm before clipping, `[1]`.
    pub(crate) grad_norm: Tensor<1>,
    /// Whether the update was made, `[1]`; `None` where it always is.
    pub(crate) taken: Option<Tensor<1, Bool>>,
    /// Error of each image, a tensor a part.
    pub(crate) errors: Vec<Tensor<1>>,
    /// Where each image stood, `u` in `(0, 1]`.
    pub(crate) levels: Vec<f64>,
}

/// The same on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct StepNumbers {
    /// Weighted loss.
    pub loss: f64,
    /// Gradient norm before clipping.
    pub grad_norm: f64,
    /// Whether the update was made. It is left out where a scaled gradient overflows, and by
    /// [`NonFinite::Skip`](crate::NonFinite).
    pub taken: bool,
    /// For each image `u = (t + 1)/T` and its mean squared error in the network's own output.
    pub errors: Vec<(f64, f64)>,
}

impl StepNumbers {
    /// Mean squared error in the network's own output, over all images.
    pub fn mse(&self) -> f64 {
        self.errors.iter().map(|(_, error)| error).sum::<f64>() / self.errors.len() as f64
    }
}

impl StepStats {
    /// Waits for the step.
    ///
    /// # Errors
    /// [`TrainError::Device`] if the device failed since.
    pub fn read(self) -> Result<StepNumbers, TrainError> {
        Self::read_all(vec![self])?.pop().ok_or_else(lost)
    }

    /// The same of many steps, waiting for the device once.
    ///
    /// # Errors
    /// As [`read`](Self::read).
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
