//! `--likelihood`: bits per dimension of a model.

use std::ops::Range;

use anyhow::{Context, bail};
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use halfstep_core::PredictionType;
use halfstep_data::{DataConfig, Dataset, Pick, Purpose, Split, Stream};
use halfstep_eval::{ProbabilityFlow, bits_per_dim};
use halfstep_model::{ClassInput, ModelFolder, ModelOutline, UNet, UNetDenoiser};
use halfstep_sample::{ClassNames, GammaTable, counted, load_dataset, output};
use serde_json::{Map, Value, json};

use crate::args::{Args, Likelihood};
use crate::cache::{Array, Values};
use crate::course::{Course, or_stopped};
use crate::job::Job;
use crate::sides::dataset;

/// Images if nobody says how many.
const IMAGES: usize = 100;
/// Steps of the two ways if nobody says how many.
const BOUND_STEPS: usize = 128;
const ODE_STEPS: usize = 64;
/// Images that the network's errors are measured on.
pub const CALIBRATION: usize = 256;

/// What one way found.
pub struct Found {
    /// In JSON.
    pub key: &'static str,
    /// For people.
    pub words: &'static str,
    /// Bits per dimension of each image.
    pub bits: Vec<f64>,
}

pub fn run(args: &Args, how: Likelihood, job: &Job) -> anyhow::Result<()> {
    let dir = args.model.as_deref().context("--model is missing")?;
    let name = args.reference.as_deref().context("--reference is missing")?;
    let outline = ModelOutline::read(dir)?;
    let model = job.open(dir, &outline)?;
    if model.halfstep.distilled.is_some() {
        bail!(
            "--likelihood: {} is a student, which knows the times of its own grid only; name its teacher",
            dir.display()
        );
    }
    let Some(mut data) = dataset(args, name)? else {
        let known = DataConfig::NAMES.join(", ");
        bail!("--reference {name}: a likelihood is of one of {known}");
    };
    if args.split.is_none() {
        data = data.clone().of_split(Split::Test).unwrap_or(data);
    }
    // The bound's variances are measured on images that are not judged.
    let (calibration, kept) = match (how, data.split()) {
        (Likelihood::Bound, Some(Split::Test)) => (data.clone().of_split(Split::Train), 0),
        (Likelihood::Bound, _) => (None, CALIBRATION),
        (Likelihood::Ode, _) => (None, 0),
    };
    let calibration = calibration.map(|train| load_dataset(&train)).transpose()?;
    let sha256 = outline.sha256()?;
    let subject = Subject::new(&model, sha256, load_dataset(&data)?, calibration)?;
    let most = subject.dataset.len().saturating_sub(kept).max(1);
    let count = match args.count.map(|count| count as usize) {
        Some(count) if count > most => {
            bail!("--count {count}: the dataset has {}", counted(most, "image"))
        }
        count => count.unwrap_or(IMAGES.min(most)),
    };
    let steps = args.steps.map(|steps| steps as usize);
    let found = match how {
        Likelihood::Bound => {
            let steps = steps.unwrap_or(BOUND_STEPS.min(model.schedule.len()));
            let table = GammaTable::load(dir, &model.schedule)?;
            subject.bounds(&table, steps, count, job)?
        }
        Likelihood::Ode => subject.densities(steps.unwrap_or(ODE_STEPS), count, job)?,
    };
    tell(args, &subject, &found)
}

/// A model and the images that are put to it.
pub struct Subject<'a> {
    pub model: &'a ModelFolder,
    /// Of all that the model's answers depend on.
    sha256: String,
    pub dataset: Dataset,
    /// Where the network's errors are measured: images of the training split if others are judged. The
    /// last of them in any case.
    pub calibration: Option<Dataset>,
    /// Whether the model is told the classes.
    labels: bool,
}

impl<'a> Subject<'a> {
    fn new(
        model: &'a ModelFolder,
        sha256: String,
        dataset: Dataset,
        calibration: Option<Dataset>,
    ) -> anyhow::Result<Self> {
        let config = model.unet.config();
        let sides = config.sample_size.map(|size| size.sides());
        let [channels, height, width] = dataset.shape();
        if channels != config.in_channels || sides.is_some_and(|sides| sides != [height, width]) {
            bail!(
                "--reference: {} has images of {:?}, the model draws {} channels of {sides:?}",
                dataset.name(),
                dataset.shape(),
                config.in_channels
            );
        }
        let noisiest = model.schedule.at(model.schedule.len() - 1);
        if model.prediction_type() == PredictionType::Epsilon && noisiest.alpha() == 0.0 {
            bail!(
                "--model: predicts epsilon and starts from pure noise, where that says nothing of an image; \
                 likelihoods take models of v or x0, or schedules that end before"
            );
        }
        let labels = config.class_input() != ClassInput::None;
        if labels && dataset.labels().is_none() {
            bail!("--reference: {} has no classes, but the model needs them", dataset.name());
        }
        let (dataset, calibration) = match ClassNames::of(model) {
            Some(classes) => {
                let calibration = calibration.map(|images| classes.label(images)).transpose()?;
                (classes.label(dataset)?, calibration)
            }
            None => (dataset, calibration),
        };
        Ok(Self { model, sha256, dataset, calibration, labels })
    }

    pub fn dim(&self) -> usize {
        self.dataset.shape().iter().product()
    }

    pub fn denoiser<'b>(
        &self,
        unet: &'b UNet,
        dataset: &Dataset,
        which: &Range<usize>,
    ) -> anyhow::Result<UNetDenoiser<'b>> {
        let labels = dataset.labels().filter(|_| self.labels);
        let labels = labels.map(|labels| labels[which.clone()].to_vec());
        Ok(UNetDenoiser::new(unet, self.model.prediction_type(), labels)?)
    }

    pub fn tensor(&self, values: Vec<f32>, device: &Device) -> Tensor<4> {
        let [channels, height, width] = self.dataset.shape();
        let images = values.len() / self.dim();
        Tensor::from_data(TensorData::new(values, [images, channels, height, width]), device)
    }

    /// Numbers of each of the images `which`, image by image: of each batch what is kept, or measured now.
    ///
    /// `what` is all that they depend on beyond the model, the images, the seed and the device, which
    /// rounds as no other does.
    pub fn rows(
        &self,
        what: Value,
        dataset: &Dataset,
        which: Range<usize>,
        steps: usize,
        job: &Job,
        mut measure: impl FnMut(Range<usize>, &mut Course<'_>) -> anyhow::Result<Vec<f64>>,
    ) -> anyhow::Result<Vec<f64>> {
        let key = json!({
            "likelihood": what, "made_by": halfstep_sample::MAKING, "model": self.sha256,
            "images": dataset.sha256(), "seed": job.seed, "device": job.device.kind(),
        })
        .to_string();
        let mut course = Course::new(which.clone(), steps, job);
        let mut rows = Vec::new();
        for which in batches(which, job) {
            let make = || {
                let values = measure(which.clone(), &mut course)?;
                let shape = vec![which.len(), values.len() / which.len()];
                // Rounded before they are used for the first time too: what goes on ends the same.
                let values = values.into_iter().map(|value| value as f32).collect();
                Ok(vec![("rows", Array { shape, values: Values::Numbers(values) })])
            };
            let kept = job.cache.chunk(&key, &which, &["rows"], make)?;
            for (_, Array { values, .. }) in kept {
                let Values::Numbers(values) = values else { bail!("likelihoods as bytes") };
                rows.extend(values.into_iter().map(f64::from));
            }
        }
        Ok(rows)
    }

    /// Bits per dimension of each image, by the ODE, with noise of a byte's width added: what a density
    /// says of bytes.
    fn densities(&self, steps: usize, count: usize, job: &Job) -> anyhow::Result<Vec<Found>> {
        let schedule = &self.model.schedule;
        let (from, to) = (schedule.at(0), schedule.at(schedule.len() - 1));
        halfstep_sample::say!(
            "density of {} of {} by the probability-flow ODE, {}, {} there and back",
            counted(count, "image"),
            self.dataset.name(),
            counted(steps, "step"),
            counted(4 * steps, "network call")
        );
        let flow = ProbabilityFlow {
            from,
            to,
            locate: &|level| schedule.point_at(level),
            num_steps: steps,
        };
        let device = job.device.device.clone().autodiff();
        let unet = self.model.unet.clone().train().no_grad();
        let what = json!({ "bits": "ode", "steps": steps });
        let bits = self.rows(what, &self.dataset, 0..count, steps, job, |which, course| {
            let denoiser = self.denoiser(&unet, &self.dataset, &which)?;
            let (z, probes) = self.spread(&which, from.alpha() as f32, job.seed);
            let (z, probes) = (self.tensor(z, &device), self.tensor(probes, &device));
            let mut on_step = course.batch(&which);
            let densities = or_stopped(flow.log_density(&denoiser, z, probes, &mut on_step))?;
            let dim = self.dim() as f64;
            // From z = alpha x to x, and from a density to the probability of a byte's width.
            let width = dim * (f64::from(from.alpha() as f32).ln() + (2.0f64 / 255.0).ln());
            Ok(densities.iter().map(|nats| bits_per_dim(-nats - width, self.dim())).collect())
        })?;
        Ok(vec![Found { key: "ode", words: "probability-flow ODE", bits }])
    }

    /// Images with uniform noise of a byte's width, times alpha; and probes of -1 and 1.
    fn spread(&self, which: &Range<usize>, alpha: f32, seed: u64) -> (Vec<f32>, Vec<f32>) {
        let mut images = values(&self.dataset, which);
        let mut probes = vec![0.0; images.len()];
        let each = self.dim();
        for (k, (image, probes)) in
            images.chunks_exact_mut(each).zip(probes.chunks_exact_mut(each)).enumerate()
        {
            let mut stream = Stream::new(seed, Purpose::Evaluation, (which.start + k) as u64);
            for (value, probe) in image.iter_mut().zip(probes) {
                *value = alpha * (*value + (2.0 * stream.uniform() as f32 - 1.0) / 255.0);
                *probe = if stream.uniform() < 0.5 { -1.0 } else { 1.0 };
            }
        }
        (images, probes)
    }
}

/// `images` in parts of the batch size.
fn batches(images: Range<usize>, job: &Job) -> impl Iterator<Item = Range<usize>> {
    let (size, end) = (job.batch_size, images.end);
    images.step_by(size).map(move |first| first..(first + size).min(end))
}

/// Values in `[-1, 1]` of images `which`.
pub fn values(dataset: &Dataset, which: &Range<usize>) -> Vec<f32> {
    let picks: Vec<Pick> = which.clone().map(Pick::new).collect();
    dataset.batch(&picks).images
}

fn tell(args: &Args, of: &Subject<'_>, found: &[Found]) -> anyhow::Result<()> {
    let name = of.dataset.name();
    halfstep_sample::answer!("| bits per dimension | {name} |\n|---|---:|");
    let mut fields = Map::new();
    for Found { key, words, bits } in found {
        let count = bits.len() as f64;
        let mean = bits.iter().sum::<f64>() / count;
        let squares: f64 = bits.iter().map(|bits| (bits - mean).powi(2)).sum();
        let error = (squares / (count - 1.0).max(1.0) / count).sqrt();
        halfstep_sample::answer!("| {words} | {mean:.4} +- {error:.4} |");
        let numbers = json!({ "bits_per_dim": mean, "standard_error": error });
        fields.insert((*key).to_owned(), numbers);
    }
    fields.insert("images".to_owned(), json!(found.first().map_or(0, |found| found.bits.len())));
    if let Some(path) = &args.json {
        output::write_file(path, Value::Object(fields).to_string().as_bytes())?;
    }
    Ok(())
}
