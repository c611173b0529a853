//! Measuring `E|eps_hat|^2 / d` at every time.

use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor, TensorData};
use halfstep_core::rng::{EpochOrder, Purpose, noise};
use halfstep_core::{Denoiser, DiscreteSchedule, NoiseLevel, add_noise};
use halfstep_data::{Batch, Dataset, Pick};

use super::error::GammaError;
use super::moments::PixelMoments;
use super::partial::PartialEstimate;
use super::source::GammaSource;
use super::table::GammaTable;
use crate::error::SampleError;

/// How much work a crash may lose.
const SAVE_EVERY: Duration = Duration::from_secs(10);

/// Makes the denoiser for a batch, from the classes of its images if the network takes any.
pub type MakeDenoiser<'a> =
    dyn Fn(Option<Vec<u32>>) -> Result<Box<dyn Denoiser + 'a>, GammaError> + 'a;

/// A measurement. Image j at time t has its own noise, from `(seed, t, j)`, and is image `t M +
/// j` of the dataset in the order of the seed: every time sees other images.
pub struct GammaEstimate<'a> {
    /// Where the table goes, and the unfinished one.
    pub model_dir: &'a Path,
    /// The images.
    pub dataset: &'a Dataset,
    /// Everything that the result depends on.
    pub source: GammaSource,
    /// The network's noise levels.
    pub schedule: &'a DiscreteSchedule,
    /// C, H, W of the network.
    pub shape: [usize; 3],
    /// Number of the network's classes, if it takes any.
    pub num_classes: Option<usize>,
    /// Images at once: memory and speed; results up to rounding.
    pub batch_size: usize,
    /// Where the network lives.
    pub device: &'a Device,
}

impl GammaEstimate<'_> {
    /// The fewest images per time that give a standard error.
    pub const MIN_SAMPLES: usize = 10;

    /// Measures, from where it was stopped if it was, and writes `gamma.json` into the model
    /// folder.
    ///
    /// `progress` gets (images done, images in all) at the start and after every batch. If it
    /// breaks, what is done is saved and the result is `None`; the next call continues. It is also
    /// saved every 10 seconds.
    ///
    /// The quantity is the plain mean of `|eps_hat|^2 / d`, made more exact with a control: what
    /// the drawn noise adds to `|z - alpha mean|^2 / d`, less its expectation. At high noise eps_hat
    /// is nearly z; there the standard error is many times smaller than the plain one, as it has to be
    /// when `1 - eps_norm2` is divided by alpha^2.
    ///
    /// # Errors
    /// [`GammaError`] for a dataset that does not fit the network, an unfinished estimate of
    /// something else, values that are not finite, a device or a file that fails.
    pub fn run(
        &self,
        denoiser: &MakeDenoiser<'_>,
        progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Option<GammaTable>, GammaError> {
        self.check()?;
        let mut partial = PartialEstimate::open(self.model_dir, &self.source, self.schedule.len())?;
        let moments = PixelMoments::new(self.dataset, self.num_classes.is_some());
        let mut order = EpochOrder::new(self.dataset.len(), self.source.seed);
        let total = self.schedule.len() as u64 * self.source.samples as u64;
        let mut flow = progress(partial.done(), total);
        let mut saved = Instant::now();
        while let Some((t, first)) = partial.next() {
            if flow.is_break() {
                partial.save(self.model_dir)?;
                return Ok(None);
            }
            if saved.elapsed() > SAVE_EVERY {
                partial.save(self.model_dir)?;
                saved = Instant::now();
            }
            let end = (first + self.batch_size.max(1)).min(self.source.samples);
            partial.add(self.measure(t, first..end, &mut order, &moments, denoiser)?);
            flow = progress(partial.done(), total);
        }
        self.finish(&partial, moments.variance).map(Some)
    }

    fn check(&self) -> Result<(), GammaError> {
        let name = || self.dataset.name().to_owned();
        if self.source.samples < Self::MIN_SAMPLES {
            let (found, least) = (self.source.samples, Self::MIN_SAMPLES);
            return Err(GammaError::Samples { found, least });
        }
        if self.dataset.shape() != self.shape {
            let (found, expected) = (self.dataset.shape(), self.shape);
            return Err(GammaError::Shape { dataset: name(), found, expected });
        }
        match self.num_classes {
            Some(expected) if self.dataset.num_classes() != Some(expected) => {
                let found = self.dataset.num_classes();
                Err(GammaError::Classes { dataset: name(), found, expected })
            }
            _ => Ok(()),
        }
    }

    /// `|eps_hat|^2 / d` and its control for images j of time t.
    fn measure(
        &self,
        t: usize,
        images: Range<usize>,
        order: &mut EpochOrder,
        moments: &PixelMoments,
        denoiser: &MakeDenoiser<'_>,
    ) -> Result<Vec<[f64; 2]>, GammaError> {
        let before = t as u64 * self.source.samples as u64;
        let picks: Vec<Pick> =
            images.clone().map(|j| Pick::new(order.index(before + j as u64))).collect();
        let mut x0 = self.dataset.batch(&picks);
        x0.labels = x0.labels.filter(|_| self.num_classes.is_some());
        let indices = images.start as u64..images.end as u64;
        let d = self.shape.iter().product();
        let eps = noise(self.source.seed, Purpose::Gamma { t: t as u32 }, indices, d);
        let point = self.schedule.point(t);
        let controls = controls(&x0, &eps, moments, point.level);

        let to_device =
            |values: Vec<f32>| Tensor::from_data(TensorData::new(values, x0.shape), self.device);
        let z = add_noise(to_device(x0.images), to_device(eps), &[point.level]);
        let eps_hat = denoiser(x0.labels)?.predict(z, &[point]).eps();
        let sums = eps_hat.square().sum_dims(&[1, 2, 3]); // [B, 1, 1, 1]
        let sums = sums.try_into_data().map_err(|error| GammaError::Device {
            t,
            problem: halfstep_model::device_problem(&error),
        })?;
        let norms: Vec<f64> = sums.iter::<f64>().map(|sum| sum / d as f64).collect();
        match norms.iter().all(|norm| norm.is_finite()) {
            true => Ok(norms.into_iter().zip(controls).map(<[f64; 2]>::from).collect()),
            false => Err(GammaError::NotFinite { t }),
        }
    }

    fn finish(
        &self,
        partial: &PartialEstimate,
        data_variance: f64,
    ) -> Result<GammaTable, GammaError> {
        let (eps_norm2, standard_error) = partial.columns();
        let table = GammaTable {
            source: self.source.clone(),
            data_variance,
            eps_norm2,
            standard_error,
            program: concat!("halfstep ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        table.save(self.model_dir)?;
        let path = PartialEstimate::path(self.model_dir);
        if path.exists() {
            std::fs::remove_file(&path).map_err(|error| SampleError::file(&path, error))?;
        }
        Ok(table)
    }
}

/// The control of every image: `(|z - alpha mean|^2 - alpha^2 |x0 - mean|^2) / d - sigma^2`, which is 0 on
/// average over the noise, whatever the image.
fn controls(x0: &Batch, eps: &[f32], moments: &PixelMoments, level: NoiseLevel) -> Vec<f64> {
    let d = eps.len() / x0.shape[0];
    let images = x0.images.chunks_exact(d).zip(eps.chunks_exact(d)).enumerate();
    let control = |(i, (image, noise)): (usize, (&[f32], &[f32]))| {
        let mean = moments.mean(x0.labels.as_ref().map(|labels| labels[i]));
        let (mut cross, mut square) = (0.0, 0.0);
        for ((&x0, &eps), mean) in image.iter().zip(noise).zip(mean) {
            let eps = f64::from(eps);
            cross += (f64::from(x0) - mean) * eps;
            square += eps * eps;
        }
        let (alpha, sigma) = (level.alpha(), level.sigma());
        sigma * (2.0 * alpha * cross + sigma * (square - d as f64)) / d as f64
    };
    images.map(control).collect()
}
