//! The likelihood that a model folder gives to the images of a dataset.

use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use halfstep_core::PredictionType;
use halfstep_data::{Dataset, Pick};
use halfstep_model::{ClassInput, ModelFolder, NetworkDenoiser, UNet};
use halfstep_sample::ClassNames;
use serde_json::{Value, json};

use crate::error::{EvalError, UnsuitableModel};
use crate::evaluation::{ChunkArray, ChunkValues, CountedWork, EvalContext};
use crate::progress::{EvalEvent, LikelihoodPart, LikelihoodWork, WorkUnit};

/// A model and the images whose likelihood it gives.
pub struct ModelLikelihood<'a> {
    pub(super) dir: PathBuf,
    pub(super) model: &'a ModelFolder,
    sha256: String,
    pub(super) dataset: Dataset,
    pub(super) calibration: Option<Dataset>,
    /// Whether the network takes classes.
    has_classes: bool,
    pub(super) context: &'a EvalContext<'a>,
}

/// The likelihood of images by one method.
#[derive(Clone, Debug, PartialEq)]
pub struct LikelihoodEstimate {
    /// The method's name in JSON: `bound`, `bound_measured` or `ode`.
    pub key: &'static str,
    /// The method's name in tables.
    pub title: &'static str,
    /// Bits per dimension of each image.
    pub bits_per_dim: Vec<f64>,
}

impl LikelihoodEstimate {
    /// Mean over the images.
    pub fn mean(&self) -> f64 {
        self.bits_per_dim.iter().sum::<f64>() / self.bits_per_dim.len() as f64
    }

    /// Standard error of the mean.
    pub fn standard_error(&self) -> f64 {
        let (mean, count) = (self.mean(), self.bits_per_dim.len() as f64);
        let squares: f64 = self.bits_per_dim.iter().map(|bits| (bits - mean).powi(2)).sum();
        (squares / (count - 1.0).max(1.0) / count).sqrt()
    }
}

impl<'a> ModelLikelihood<'a> {
    /// Number of images on which the bound measures the network's errors.
    pub const CALIBRATION_IMAGES: usize = 256;

    /// Refuses a model without a likelihood: a student.
    ///
    /// # Errors
    /// [`EvalError::Unsuitable`].
    pub fn check_model(dir: &Path, model: &ModelFolder) -> Result<(), EvalError> {
        match model.halfstep.distilled {
            Some(_) => Err(EvalError::unsuitable(dir, UnsuitableModel::StudentLikelihood)),
            None => Ok(()),
        }
    }

    /// The model of folder `dir` and the images of `dataset`. `sha256` identifies everything that the model's
    /// predictions depend on ([`halfstep_model::ModelOutline::sha256`]).
    ///
    /// The bound measures the network's errors on the last images of `calibration`, or of `dataset` if there is
    /// none. Its images must not be among those whose likelihood is computed.
    ///
    /// # Errors
    /// [`EvalError::Unsuitable`] for a student, a model that predicts epsilon from pure noise, images of another
    /// shape, or missing classes; [`EvalError::Data`] for classes that the model does not know.
    pub fn new(
        dir: &Path,
        model: &'a ModelFolder,
        sha256: String,
        dataset: Dataset,
        calibration: Option<Dataset>,
        context: &'a EvalContext<'a>,
    ) -> Result<Self, EvalError> {
        Self::check_model(dir, model)?;
        let has_classes = check_images(dir, model, &dataset)?;
        let (dataset, calibration) = match ClassNames::from_model(model) {
            Some(classes) => {
                let calibration = calibration.map(|images| classes.label(images)).transpose()?;
                (classes.label(dataset)?, calibration)
            }
            None => (dataset, calibration),
        };
        let dir = dir.to_path_buf();
        Ok(Self { dir, model, sha256, dataset, calibration, has_classes, context })
    }

    /// The images whose likelihood is computed.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// Values per image.
    pub(super) fn dim(&self) -> usize {
        self.dataset.shape().iter().product()
    }

    /// The network, conditioned on the classes of images `which`.
    pub(super) fn denoiser<'b>(
        &self,
        unet: &'b UNet,
        dataset: &Dataset,
        which: &Range<usize>,
    ) -> Result<NetworkDenoiser<'b, UNet>, EvalError> {
        let labels = dataset.labels().filter(|_| self.has_classes);
        let labels = labels.map(|labels| labels[which.clone()].to_vec());
        Ok(NetworkDenoiser::new(unet, self.model.prediction_type(), labels)?)
    }

    /// `[B, C, H, W]` from the values of B images.
    pub(super) fn tensor(&self, values: Vec<f32>, device: &Device) -> Tensor<4> {
        let [channels, height, width] = self.dataset.shape();
        let images = values.len() / self.dim();
        Tensor::from_data(TensorData::new(values, [images, channels, height, width]), device)
    }

    /// Reports that a part of the work begins.
    pub(super) fn report(
        &self,
        kind: LikelihoodWork,
        steps: usize,
        images: usize,
        dataset: &Dataset,
    ) {
        let dataset = dataset.name().to_owned();
        let part = LikelihoodPart { kind, steps, images, dataset };
        self.context.report(EvalEvent::Likelihood(part));
    }

    /// Equally many numbers for each of the images `which`, image by image. Every batch comes from the cache or is
    /// computed by `measure`, in `steps` steps.
    ///
    /// `what` is everything that the numbers depend on besides the model, the images, the seed and the device;
    /// devices round differently.
    pub(super) fn rows(
        &self,
        what: Value,
        dataset: &Dataset,
        which: Range<usize>,
        steps: usize,
        mut measure: impl FnMut(Range<usize>, &StepProgress<'_>) -> Result<Vec<f64>, EvalError>,
    ) -> Result<Vec<f64>, EvalError> {
        let key = json!({
            "likelihood": what, "made_by": halfstep_sample::RESULTS_VERSION, "model": self.sha256,
            "images": dataset.sha256(), "seed": self.context.seed,
            "device": self.context.device.kind(),
        })
        .to_string();
        let progress = StepProgress::new(which.clone(), steps, self.context);
        let mut rows = Vec::new();
        for which in batches(which, self.context.batch_size) {
            let make = || {
                let values = measure(which.clone(), &progress)?;
                let shape = vec![which.len(), values.len() / which.len()];
                // Rounded before the first use too, so that a continued evaluation ends with the same numbers.
                let values = values.into_iter().map(|value| value as f32).collect();
                Ok(vec![("rows", ChunkArray { shape, values: ChunkValues::Numbers(values) })])
            };
            for (_, array) in self.context.chunk(&key, &which, &["rows"], make)? {
                match array.values {
                    ChunkValues::Numbers(values) => rows.extend(values.into_iter().map(f64::from)),
                    ChunkValues::Bytes(_) => {
                        return Err(EvalError::images(Path::new(dataset.name()), "not numbers"));
                    }
                }
            }
        }
        Ok(rows)
    }
}

/// Refuses images that the model cannot take. Returns whether the model takes classes.
fn check_images(dir: &Path, model: &ModelFolder, dataset: &Dataset) -> Result<bool, EvalError> {
    let refuse = |problem| Err(EvalError::unsuitable(dir, problem));
    let config = model.unet.config();
    let sides = config.sample_size.map(|size| size.sides());
    let (shape, channels) = (dataset.shape(), config.in_channels);
    let name = || dataset.name().to_owned();
    if channels != shape[0] || sides.is_some_and(|sides| sides != shape[1..]) {
        return refuse(UnsuitableModel::ImageShape { dataset: name(), shape, channels, sides });
    }
    let noisiest = model.schedule.at(model.schedule.len() - 1);
    if model.prediction_type() == PredictionType::Epsilon && noisiest.alpha() == 0.0 {
        return refuse(UnsuitableModel::EpsilonOfNoise);
    }
    let has_classes = config.class_input() != ClassInput::None;
    if has_classes && dataset.labels().is_none() {
        return refuse(UnsuitableModel::NoClasses { dataset: name() });
    }
    Ok(has_classes)
}

/// Reports the steps of batches that each take the same number of steps per image.
pub(super) struct StepProgress<'a> {
    work: CountedWork<'a>,
    context: &'a EvalContext<'a>,
    images: Range<usize>,
    steps: usize,
}

impl<'a> StepProgress<'a> {
    fn new(images: Range<usize>, steps: usize, context: &'a EvalContext<'a>) -> Self {
        Self { work: context.begin(WorkUnit::Steps), context, images, steps }
    }

    /// A callback for the finished steps of the batch `which`. All images before it are done.
    pub fn batch(&self, which: &Range<usize>) -> impl FnMut(usize) -> ControlFlow<()> {
        let total = (self.images.len() * self.steps) as u64;
        let before = ((which.start - self.images.start) * self.steps) as u64;
        let images = which.len();
        self.work.report(before, total);
        move |step| {
            self.work.report(before + (images * step) as u64, total);
            self.context.flow()
        }
    }
}

/// `images` in parts of `size`.
fn batches(images: Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    let end = images.end;
    images.step_by(size).map(move |first| first..(first + size).min(end))
}

/// The values in `[-1, 1]` of images `which`.
pub(super) fn values(dataset: &Dataset, which: &Range<usize>) -> Vec<f32> {
    let picks: Vec<Pick> = which.clone().map(Pick::new).collect();
    dataset.batch(&picks).images
}
