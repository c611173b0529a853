//! `--likelihood`: bits per dimension of a model.

use anyhow::{Context, bail};
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use halfstep_core::{PredictionType, TimePoint, optimal_trajectory};
use halfstep_data::{DataConfig, Dataset, Pick, Progress, Purpose, Split, Stream, noise};
use halfstep_eval::{Decoder, ProbabilityFlow, VariationalBound, bits_per_dim};
use halfstep_model::{ClassInput, ModelFolder, UNet, UNetDenoiser};
use halfstep_sample::{GammaTable, output};
use serde_json::json;

use crate::args::{Args, Likelihood};
use crate::job::{Job, Watch};
use crate::sides::dataset;

/// Images if nobody says how many.
const IMAGES: usize = 100;
/// Steps of the two ways if nobody says how many.
const BOUND_STEPS: usize = 128;
const ODE_STEPS: usize = 64;

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
    let dataset = data.load(Progress::Shown)?;
    let subject = Subject::new(&model, dataset)?;
    let count = args.count.map_or(IMAGES, |count| count as usize).min(subject.dataset.len());
    let steps = args.steps.map(|steps| steps as usize);
    let bits = match how {
        Likelihood::Bound => {
            let steps = steps.unwrap_or(BOUND_STEPS.min(model.schedule.len()));
            let table = GammaTable::load(dir, &model.schedule)?;
            subject.bounds(&table, steps, count, job)?
        }
        Likelihood::Ode => subject.densities(steps.unwrap_or(ODE_STEPS), count, job)?,
    };
    tell(args, how, &subject, &bits)
}

/// A model and the images that are put to it.
struct Subject<'a> {
    model: &'a ModelFolder,
    dataset: Dataset,
    /// Whether the model is told the classes.
    labels: bool,
}

impl<'a> Subject<'a> {
    fn new(model: &'a ModelFolder, dataset: Dataset) -> anyhow::Result<Self> {
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
        let labels = config.class_input() != ClassInput::None;
        if labels && dataset.labels().is_none() {
            bail!("--reference: {} has no classes, and the model is told them", dataset.name());
        }
        Ok(Self { model, dataset, labels })
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
        first: usize,
        end: usize,
    ) -> anyhow::Result<UNetDenoiser<'b>> {
        let labels = self.dataset.labels().filter(|_| self.labels);
        let labels = labels.map(|labels| labels[first..end].to_vec());
        Ok(UNetDenoiser::new(unet, self.model.prediction_type(), labels)?)
    }

    fn tensor(&self, values: Vec<f32>, device: &Device) -> Tensor<4> {
        let [channels, height, width] = self.dataset.shape();
        let images = values.len() / self.dim();
        Tensor::from_data(TensorData::new(values, [images, channels, height, width]), device)
    }

    /// Bits per dimension of each image, by the bound.
    fn bounds(
        &self,
        table: &GammaTable,
        steps: usize,
        count: usize,
        job: &Job,
    ) -> anyhow::Result<Vec<f64>> {
        let schedule = &self.model.schedule;
        let times = optimal_trajectory(schedule, &table.eps_norm2, steps)
            .with_context(|| format!("--steps {steps}"))?;
        let grid: Vec<TimePoint> = schedule.points(&times);
        if self.model.prediction_type() == PredictionType::Epsilon && grid[0].level.alpha() == 0.0 {
            bail!("the model predicts epsilon, which says nothing of an image in pure noise");
        }
        halfstep_sample::say!(
            "variational bound of {count} images of {} in {steps} steps of the optimal trajectory",
            self.dataset.name()
        );
        let bound = VariationalBound {
            grid: &grid,
            data_variance: &|at| table.posterior_data_variance(at),
            decoder: Decoder::Bytes,
        };
        let device = &job.device.device;
        let mut watch = Watch::new(count * steps, "steps of images");
        let mut bits = Vec::with_capacity(count);
        for first in (0..count).step_by(job.batch_size) {
            let end = (first + job.batch_size).min(count);
            let denoiser = self.denoiser(&self.model.unet, first, end)?;
            let x0 = self.tensor(self.images(first, end), device);
            let mut make_noise = |index: usize| {
                watch.show((first * steps + (end - first) * index) as u64);
                let which = first as u64..end as u64;
                let purpose = Purpose::SampleNoise { step: index as u32 };
                self.tensor(noise(job.seed, purpose, which, self.dim()), device)
            };
            let parts = bound.of(&denoiser, x0, &mut make_noise)?;
            bits.extend(parts.iter().map(|parts| bits_per_dim(parts.total(), self.dim())));
            job.check()?;
        }
        Ok(bits)
    }

    /// Bits per dimension of each image, by the ODE, with noise of a byte's width added: what a density
    /// says of bytes.
    fn densities(&self, steps: usize, count: usize, job: &Job) -> anyhow::Result<Vec<f64>> {
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
            let denoiser = self.denoiser(&unet, first, end)?;
            let (z, probes) = self.spread(first, end, from.alpha() as f32, job.seed);
            let (z, probes) = (self.tensor(z, &device), self.tensor(probes, &device));
            let densities = flow.log_density(&denoiser, z, probes, &mut |step| {
                watch.show((first * steps + (end - first) * step) as u64);
            })?;
            let dim = self.dim() as f64;
            // From z = alpha x to x, and from a density to the probability of a byte's width.
            let width = dim * (f64::from(from.alpha() as f32).ln() + (2.0f64 / 255.0).ln());
            bits.extend(densities.iter().map(|nats| bits_per_dim(-nats - width, self.dim())));
            job.check()?;
        }
        Ok(bits)
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

fn tell(args: &Args, how: Likelihood, of: &Subject<'_>, bits: &[f64]) -> anyhow::Result<()> {
    let count = bits.len() as f64;
    let mean = bits.iter().sum::<f64>() / count;
    let variance =
        bits.iter().map(|bits| (bits - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    let error = (variance / count).sqrt();
    let (key, words) = match how {
        Likelihood::Bound => ("bound", "bits per dimension, at most (variational bound)"),
        Likelihood::Ode => ("ode", "bits per dimension (probability-flow ODE)"),
    };
    halfstep_sample::answer!(
        "| {words} | |\n|---|---:|\n| {} | {mean:.4} +- {error:.4} |",
        of.dataset.name()
    );
    if let Some(path) = &args.json {
        let numbers = json!({
            "likelihood": key, "bits_per_dim": mean, "standard_error": error, "images": bits.len(),
        });
        output::write_file(path, numbers.to_string().as_bytes())?;
    }
    Ok(())
}
