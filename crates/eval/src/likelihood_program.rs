//! `--likelihood`: bits per dimension of a model.

use std::ops::{ControlFlow, Range};

use anyhow::{Context, bail};
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use halfstep_core::{PredictionType, TimePoint, optimal_trajectory};
use halfstep_data::{DataConfig, Dataset, Pick, Progress, Purpose, Split, Stream, noise};
use halfstep_eval::{
    Decoder, EvalError, ProbabilityFlow, VariationalBound, bits_per_dim, mean_squared_errors,
};
use halfstep_model::{ClassInput, ModelFolder, UNet, UNetDenoiser};
use halfstep_sample::{GammaTable, output};
use serde_json::{Map, Value, json};

use crate::args::{Args, Likelihood};
use crate::job::{Job, Stopped, Watch};
use crate::sides::dataset;

/// Images if nobody says how many.
const IMAGES: usize = 100;
/// Steps of the two ways if nobody says how many.
const BOUND_STEPS: usize = 128;
const ODE_STEPS: usize = 64;
/// Images that the network's errors are measured on.
const CALIBRATION: usize = 256;
/// Beyond the numbers of all images that are judged.
const FAR: usize = 1 << 32;

/// What one way found.
struct Found {
    /// In JSON.
    key: &'static str,
    /// For people.
    words: &'static str,
    /// Bits per dimension of each image.
    bits: Vec<f64>,
}

pub fn run(args: &Args, how: Likelihood, job: &Job) -> anyhow::Result<()> {
    let dir = args.model.as_deref().context("--model is missing")?;
    let name = args.reference.as_deref().context("--reference is missing")?;
    let model = ModelFolder::load(dir, &job.device.device)?;
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
    let train = data.clone().of_split(Split::Train).unwrap_or_else(|| data.clone());
    let (dataset, calibration) = (data.load(Progress::Shown)?, train.load(Progress::Shown)?);
    let subject = Subject::new(&model, dataset, calibration)?;
    let most = match data.split() {
        Some(Split::Test) => subject.dataset.len(),
        _ => subject.dataset.len().saturating_sub(CALIBRATION).max(1), // the last are for calibration
    };
    let count = match args.count.map(|count| count as usize) {
        Some(count) if count > most => bail!("--count {count}: there are {most} images"),
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

impl Found {
    fn new(key: &'static str, words: &'static str) -> Self {
        Self { key, words, bits: Vec::new() }
    }
}

/// A model and the images that are put to it.
struct Subject<'a> {
    model: &'a ModelFolder,
    dataset: Dataset,
    /// Others of the same kind, the last of which are not judged.
    calibration: Dataset,
    /// Whether the model is told the classes.
    labels: bool,
}

impl<'a> Subject<'a> {
    fn new(model: &'a ModelFolder, dataset: Dataset, calibration: Dataset) -> anyhow::Result<Self> {
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
            bail!("--reference: {} has no classes, and the model is told them", dataset.name());
        }
        Ok(Self { model, dataset, calibration, labels })
    }

    fn dim(&self) -> usize {
        self.dataset.shape().iter().product()
    }

    /// Values in `[-1, 1]` of images `first..end`.
    fn images(&self, first: usize, end: usize) -> Vec<f32> {
        let picks: Vec<Pick> = (first..end).map(Pick::new).collect();
        self.dataset.batch(&picks).images
    }

    fn denoiser<'b>(
        &self,
        unet: &'b UNet,
        dataset: &Dataset,
        first: usize,
        end: usize,
    ) -> anyhow::Result<UNetDenoiser<'b>> {
        let labels = dataset.labels().filter(|_| self.labels);
        let labels = labels.map(|labels| labels[first..end].to_vec());
        Ok(UNetDenoiser::new(unet, self.model.prediction_type(), labels)?)
    }

    fn tensor(&self, values: Vec<f32>, device: &Device) -> Tensor<4> {
        let [channels, height, width] = self.dataset.shape();
        let images = values.len() / self.dim();
        Tensor::from_data(TensorData::new(values, [images, channels, height, width]), device)
    }

    /// Bits per dimension of each image by the bound, with Analytic-DPM's variances and with measured ones.
    fn bounds(
        &self,
        table: &GammaTable,
        steps: usize,
        count: usize,
        job: &Job,
    ) -> anyhow::Result<Vec<Found>> {
        let schedule = &self.model.schedule;
        let times = optimal_trajectory(schedule, &table.eps_norm2, steps)
            .with_context(|| format!("--steps {steps}"))?;
        let grid: Vec<TimePoint> = schedule.points(&times);
        halfstep_sample::say!(
            "variational bound of {count} images of {} in {steps} steps of the optimal trajectory",
            self.dataset.name()
        );
        let errors = self.errors(&grid, job)?;
        let measured = |at: TimePoint| {
            let place = grid.iter().position(|point| *point == at);
            place.map_or(f64::INFINITY, |place| errors[place])
        };
        let analytic = |at| table.posterior_data_variance(at);
        let variances: [&dyn Fn(TimePoint) -> f64; 2] = [&analytic, &measured];
        let mut found = [
            Found::new("bound", "variational bound, Analytic-DPM's variances"),
            Found::new("bound_measured", "variational bound, variances of measured errors"),
        ];
        let mut watch = Watch::new(2 * count * steps, "steps of images");
        for first in (0..count).step_by(job.batch_size) {
            let end = (first + job.batch_size).min(count);
            let denoiser = self.denoiser(&self.model.unet, &self.dataset, first, end)?;
            let x0 = self.tensor(self.images(first, end), &job.device.device);
            for (data_variance, found) in variances.into_iter().zip(&mut found) {
                let bound =
                    VariationalBound { grid: &grid, data_variance, decoder: Decoder::Bytes };
                let mut noise = |index: usize| self.noise(first..end, index, job);
                let parts = bound.of(&denoiser, x0.clone(), &mut noise)?;
                let bits = parts.iter().map(|parts| bits_per_dim(parts.total(), self.dim()));
                found.bits.extend(bits);
                job.check()?;
            }
            watch.show(2 * (end * steps) as u64);
        }
        Ok(found.into())
    }

    /// The network's mean squared error at each time, on images that it may have learned from: those
    /// that are judged must have no part in it.
    fn errors(&self, grid: &[TimePoint], job: &Job) -> anyhow::Result<Vec<f64>> {
        let dataset = &self.calibration;
        let last = dataset.len();
        let (mut sums, mut images) = (vec![0.0; grid.len()], 0);
        let first = last - CALIBRATION.min(last);
        for first in (first..last).step_by(job.batch_size) {
            let end = (first + job.batch_size).min(last);
            let denoiser = self.denoiser(&self.model.unet, dataset, first, end)?;
            let picks: Vec<Pick> = (first..end).map(Pick::new).collect();
            let x0 = self.tensor(dataset.batch(&picks).images, &job.device.device);
            // Numbers of their own: the noises of the judged images have no part in it either.
            let mut noise = |index: usize| self.noise(FAR + first..FAR + end, index, job);
            let errors = mean_squared_errors(grid, &denoiser, x0, &mut noise)?;
            let weighted = errors.iter().map(|error| error * (end - first) as f64);
            sums.iter_mut().zip(weighted).for_each(|(sum, error)| *sum += error);
            images += end - first;
            job.check()?;
        }
        Ok(sums.into_iter().map(|sum| sum / images as f64).collect())
    }

    /// Of step `index` of images `which`.
    fn noise(&self, which: Range<usize>, index: usize, job: &Job) -> Tensor<4> {
        let which = which.start as u64..which.end as u64;
        let purpose = Purpose::SampleNoise { step: index as u32 };
        self.tensor(noise(job.seed, purpose, which, self.dim()), &job.device.device)
    }

    /// Bits per dimension of each image, by the ODE, with noise of a byte's width added: what a density
    /// says of bytes.
    fn densities(&self, steps: usize, count: usize, job: &Job) -> anyhow::Result<Vec<Found>> {
        let schedule = &self.model.schedule;
        let (from, to) = (schedule.at(0), schedule.at(schedule.len() - 1));
        halfstep_sample::say!(
            "density of {count} images of {} by the probability-flow ODE, {steps} steps, {} network calls \
             there and back",
            self.dataset.name(),
            4 * steps
        );
        let flow = ProbabilityFlow {
            from,
            to,
            locate: &|level| schedule.point_at(level),
            num_steps: steps,
        };
        let device = job.device.device.clone().autodiff();
        let unet = self.model.unet.clone().train().no_grad();
        let mut watch = Watch::new(count * steps, "steps of images");
        let mut bits = Vec::with_capacity(count);
        for first in (0..count).step_by(job.batch_size) {
            let end = (first + job.batch_size).min(count);
            let denoiser = self.denoiser(&unet, &self.dataset, first, end)?;
            let (z, probes) = self.spread(first, end, from.alpha() as f32, job.seed);
            let (z, probes) = (self.tensor(z, &device), self.tensor(probes, &device));
            let densities = flow.log_density(&denoiser, z, probes, &mut |step| {
                watch.show((first * steps + (end - first) * step) as u64);
                if job.stop.is_raised() {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
            let densities = match densities {
                Err(EvalError::Stopped) => bail!(Stopped),
                densities => densities?,
            };
            let dim = self.dim() as f64;
            // From z = alpha x to x, and from a density to the probability of a byte's width.
            let width = dim * (f64::from(from.alpha() as f32).ln() + (2.0f64 / 255.0).ln());
            bits.extend(densities.iter().map(|nats| bits_per_dim(-nats - width, self.dim())));
            job.check()?;
        }
        Ok(vec![Found { key: "ode", words: "probability-flow ODE", bits }])
    }

    /// Images with uniform noise of a byte's width, times alpha; and probes of -1 and 1.
    fn spread(&self, first: usize, end: usize, alpha: f32, seed: u64) -> (Vec<f32>, Vec<f32>) {
        let mut images = self.images(first, end);
        let mut probes = vec![0.0; images.len()];
        let each = self.dim();
        for (k, (image, probes)) in
            images.chunks_exact_mut(each).zip(probes.chunks_exact_mut(each)).enumerate()
        {
            let mut stream = Stream::new(seed, Purpose::Evaluation, (first + k) as u64);
            for (value, probe) in image.iter_mut().zip(probes) {
                *value = alpha * (*value + (2.0 * stream.uniform() as f32 - 1.0) / 255.0);
                *probe = if stream.uniform() < 0.5 { -1.0 } else { 1.0 };
            }
        }
        (images, probes)
    }
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
