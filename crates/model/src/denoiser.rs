//! A network behind the [`Denoiser`] seam.

use burn::tensor::Tensor;
use halfstep_core::{Denoiser, NoiseLevel, Prediction, PredictionType, TimePoint};

use crate::error::ModelError;
use crate::network::Network;

/// A network together with what it predicts and the classes of a batch.
#[derive(Clone, Debug)]
pub struct NetworkDenoiser<'a, N: Network> {
    network: &'a N,
    prediction_type: PredictionType,
    labels: Option<Vec<u32>>,
}

impl<'a, N: Network> NetworkDenoiser<'a, N> {
    /// A class-conditional network needs `labels`, one per image of every batch it is given.
    ///
    /// # Errors
    /// [`ModelError::Labels`] if the labels do not fit the network.
    pub fn new(
        network: &'a N,
        prediction_type: PredictionType,
        labels: Option<Vec<u32>>,
    ) -> Result<Self, ModelError> {
        network.class_input().check(labels.as_deref())?;
        Ok(Self { network, prediction_type, labels })
    }
}

impl<N: Network> Denoiser for NetworkDenoiser<'_, N> {
    fn predict(&self, z: Tensor<4>, at: &[TimePoint]) -> Prediction {
        let times: Vec<f64> = at.iter().map(|point| point.t).collect();
        let levels: Vec<NoiseLevel> = at.iter().map(|point| point.level).collect();
        let output = self.network.predict(z.clone(), &times, self.labels.as_deref());
        Prediction::new(self.prediction_type, output, z, &levels)
    }
}
