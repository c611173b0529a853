//! The UNet behind the [`Denoiser`] seam.

use burn::tensor::Tensor;
use halfstep_core::{Denoiser, NoiseLevel, Prediction, PredictionType, TimePoint};

use crate::error::ModelError;
use crate::unet::UNet;

/// A UNet, what its output means, and the classes to draw.
#[derive(Clone, Debug)]
pub struct UNetDenoiser<'a> {
    unet: &'a UNet,
    prediction_type: PredictionType,
    labels: Option<Vec<u32>>,
}

impl<'a> UNetDenoiser<'a> {
    /// `labels`, one an image of every batch it will be given, for a class-conditional network.
    ///
    /// # Errors
    /// [`ModelError::Config`] if labels are given to an unconditional network, left out for a
    /// conditional one, or out of range.
    pub fn new(
        unet: &'a UNet,
        prediction_type: PredictionType,
        labels: Option<Vec<u32>>,
    ) -> Result<Self, ModelError> {
        let field = "num_class_embeds";
        match (unet.config().num_class_embeds, &labels) {
            (None, Some(_)) => {
                return Err(ModelError::config(
                    field,
                    "is not set: the model is unconditional and takes no class",
                ));
            }
            (Some(classes), None) => {
                return Err(ModelError::config(
                    field,
                    format!(
                        "is {classes}: the model is class-conditional and needs a class for every image"
                    ),
                ));
            }
            (Some(classes), Some(labels)) => {
                if let Some(label) = labels.iter().find(|&&label| label as usize >= classes) {
                    return Err(ModelError::config(
                        field,
                        format!(
                            "is {classes}: class {label} does not exist, the last one is {}",
                            classes - 1
                        ),
                    ));
                }
            }
            (None, None) => {}
        }
        Ok(Self { unet, prediction_type, labels })
    }
}

impl Denoiser for UNetDenoiser<'_> {
    fn predict(&self, z: Tensor<4>, at: &[TimePoint]) -> Prediction {
        let times: Vec<f64> = at.iter().map(|point| point.t).collect();
        let levels: Vec<NoiseLevel> = at.iter().map(|point| point.level).collect();
        let output = self.unet.forward(z.clone(), &times, self.labels.as_deref(), None);
        Prediction::new(self.prediction_type, output, z, &levels)
    }
}
