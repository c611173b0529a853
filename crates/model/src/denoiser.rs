//! The UNet behind the [`Denoiser`] seam.

use burn::tensor::Tensor;
use halfstep_core::{Denoiser, NoiseLevel, Prediction, PredictionType, TimePoint};

use crate::error::ModelError;
use crate::unet::ClassInput;
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
        check_labels(unet.config().class_input(), labels.as_deref())?;
        Ok(Self { unet, prediction_type, labels })
    }
}

fn check_labels(input: ClassInput, labels: Option<&[u32]>) -> Result<(), ModelError> {
    let wrong = |problem: String| Err(ModelError::config("num_class_embeds", problem));
    match (input, labels) {
        (ClassInput::None, Some(_)) => {
            wrong("is not set: the model is unconditional and takes no class".to_owned())
        }
        (ClassInput::Table(classes), None) => wrong(format!(
            "is {classes}: the model is class-conditional and needs a class for every image"
        )),
        (ClassInput::Number, None) => Err(ModelError::config(
            "class_embed_type",
            "is \"timestep\": the model is class-conditional and needs a class for every image",
        )),
        (ClassInput::Table(classes), Some(labels)) => {
            match labels.iter().find(|&&label| label as usize >= classes) {
                Some(label) => wrong(format!(
                    "is {classes}: class {label} does not exist, the last one is {}",
                    classes - 1
                )),
                None => Ok(()),
            }
        }
        (ClassInput::None, None) | (ClassInput::Number, Some(_)) => Ok(()),
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
