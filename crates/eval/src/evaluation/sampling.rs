//! Sampling images from a model, to be evaluated.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::Device;
use halfstep_core::counted;
use halfstep_core::{TimePoint, TimestepSpacing};
use halfstep_model::{ClassInput, ModelFolder, ModelOutline, SchedulerConfig};
use halfstep_sample::{
    AnalyticStatistics, Draw, DrawProgress, GammaTable, SampleError, Sampler, SamplerKind,
    SamplerOption, SamplerOptions, StepNoise, student_grid,
};
use serde_json::{Value, json};

use crate::error::{EvalError, UnsuitableModel};
use crate::evaluation::cache::{ChunkArray, ChunkValues};
use crate::evaluation::context::EvalContext;

/// Default steps of a model that was not distilled.
const DEFAULT_STEPS: usize = 50;

/// A model folder whose samples are evaluated: grey or RGB, with a plain DDIM scheduler on trailing timesteps.
pub struct SampledModel {
    dir: PathBuf,
    model: ModelFolder,
    sha256: String,
    shape: [usize; 3],
    /// Classes that images are sampled of in turn; empty for an unconditional model.
    classes: Vec<u32>,
}

/// A sampler on a grid of timesteps.
pub struct SamplingSetup {
    kind: SamplerKind,
    num_steps: usize,
    sampler: Box<dyn Sampler>,
    grid: Vec<TimePoint>,
    /// The numbers of Gamma that the sampler uses, for the cache.
    gamma: Value,
}

impl SamplingSetup {
    /// Sampler and steps in words: `ddim, 8 steps`.
    pub fn name(&self) -> String {
        format!("{}, {}", self.kind, counted(self.num_steps, "step"))
    }

    /// The sampler.
    pub fn kind(&self) -> SamplerKind {
        self.kind
    }

    /// Sampling steps.
    pub fn num_steps(&self) -> usize {
        self.num_steps
    }

    /// Network calls per image.
    pub fn calls(&self) -> usize {
        self.sampler.calls(&self.grid).unwrap_or(self.num_steps)
    }
}

impl SampledModel {
    /// Reads a model folder onto a device.
    ///
    /// # Errors
    /// [`EvalError::Model`] if the folder cannot be read; [`EvalError::Unsuitable`] if this crate does not sample
    /// such models.
    pub fn load(dir: &Path, device: &Device) -> Result<Self, EvalError> {
        let outline = ModelOutline::read(dir)?;
        Self::new(dir, outline.load(device)?, outline.sha256()?)
    }

    /// A model that was read from `dir`. `sha256` identifies everything that its predictions depend on
    /// ([`ModelOutline::sha256`]).
    ///
    /// # Errors
    /// [`EvalError::Unsuitable`] if this crate does not sample such models.
    pub fn new(dir: &Path, model: ModelFolder, sha256: String) -> Result<Self, EvalError> {
        let refuse = |problem| Err(EvalError::unsuitable(dir, problem));
        let config = model.unet.config();
        let Some([height, width]) = config.sample_size.map(|size| size.sides()) else {
            return refuse(UnsuitableModel::NoSampleSize);
        };
        let classes = match config.class_input() {
            ClassInput::None => Vec::new(),
            ClassInput::Table(classes) => (0..classes as u32).collect(),
            ClassInput::Number => return refuse(UnsuitableModel::AnyClass),
        };
        if !is_plain(&model.scheduler) {
            return refuse(UnsuitableModel::Scheduler);
        }
        if ![1, 3].contains(&config.in_channels) {
            return refuse(UnsuitableModel::Channels(config.in_channels));
        }
        let shape = [config.in_channels, height, width];
        Ok(Self { dir: dir.to_path_buf(), model, sha256, shape, classes })
    }

    /// The folder, as text.
    pub fn name(&self) -> String {
        self.dir.display().to_string()
    }

    /// C, H, W of the model's images.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// A sampler and its grid. The defaults are the student's own steps, or DDIM in 50 steps for other models.
    /// Timesteps are evenly spaced, trailing.
    ///
    /// # Errors
    /// [`EvalError::Unsuitable`] if a student is asked for with other settings than its own, or the model has no
    /// such grid; [`EvalError::Gamma`] if the sampler needs statistics that are missing.
    pub fn setup(
        &self,
        sampler: Option<SamplerKind>,
        steps: Option<usize>,
    ) -> Result<SamplingSetup, EvalError> {
        let unsuitable = |problem| EvalError::unsuitable(&self.dir, problem);
        let own = self.model.halfstep.distilled.as_ref().map(|own| own.num_steps);
        let kind = match (sampler, own) {
            (Some(kind), Some(_)) if kind != SamplerKind::default() => {
                let sampler = kind.to_string();
                return Err(unsuitable(UnsuitableModel::StudentSampler { sampler }));
            }
            (kind, _) => kind.unwrap_or_default(),
        };
        let num_steps = match (steps, own) {
            (Some(steps), Some(own)) if steps != own => {
                return Err(unsuitable(UnsuitableModel::StudentSteps { steps, own }));
            }
            (steps, own) => steps.or(own).unwrap_or(DEFAULT_STEPS.min(self.model.schedule.len())),
        };
        if !kind.entry().grid.takes_any() {
            let sampler = kind.to_string();
            return Err(unsuitable(UnsuitableModel::OwnTimesteps { sampler }));
        }
        let grid = match self.model.distilled_grid() {
            Some(own) => own,
            None => student_grid(&self.model.schedule, num_steps).map_err(|error| {
                let problem = error.to_string();
                unsuitable(UnsuitableModel::Steps { steps: num_steps, problem })
            })?,
        };
        let table = kind.takes(SamplerOption::Gamma).then(|| self.gamma()).transpose()?;
        let gamma = json!(table.as_ref().map(|table| (table.data_variance, &table.eps_norm2)));
        let analytic = table.map(|table| self.analytic_statistics(table));
        let options = SamplerOptions { num_steps, analytic, ..SamplerOptions::default() };
        Ok(SamplingSetup { kind, num_steps, sampler: kind.build(&options)?, grid, gamma })
    }

    fn analytic_statistics(&self, table: GammaTable) -> AnalyticStatistics {
        AnalyticStatistics {
            posterior_data_variance: Arc::new(move |at| table.posterior_data_variance(at)),
            linear_betas: self.model.scheduler.has_linear_betas(),
            last_clip: None,
        }
    }

    /// Analytic-DPM's statistics from the model folder.
    ///
    /// # Errors
    /// [`EvalError::Gamma`] if they are missing or were estimated for other weights.
    pub fn gamma(&self) -> Result<GammaTable, EvalError> {
        Ok(GammaTable::load(&self.dir, &self.model.schedule)?)
    }

    /// Everything that the images of a setup depend on; devices round differently.
    pub(crate) fn cache_key(&self, setup: &SamplingSetup, context: &EvalContext<'_>) -> String {
        let times: Vec<f64> = setup.grid.iter().map(|point| point.t).collect();
        json!({
            "images": "drawn", "made_by": halfstep_sample::RESULTS_VERSION, "model": self.sha256,
            "sampler": setup.kind.name(), "times": times, "seed": context.seed,
            "device": context.device.kind(), "gamma": setup.gamma,
        })
        .to_string()
    }

    /// Images `which`, rounded to bytes `[n, H, W, C]`. Image k depends on the seed and k alone. `on_images` is
    /// called with the number of images that the finished steps amount to.
    pub(crate) fn sample(
        &self,
        setup: &SamplingSetup,
        which: Range<usize>,
        context: &EvalContext<'_>,
        on_images: &mut dyn FnMut(u64),
    ) -> Result<ChunkArray, EvalError> {
        let draw = Draw {
            network: &self.model.unet,
            prediction_type: self.model.prediction_type(),
            sampler: setup.sampler.as_ref(),
            grid: &setup.grid,
            schedule: &self.model.schedule,
            seed: context.seed,
            step_noise: StepNoise::Fresh,
            batch_size: context.batch_size,
            shape: self.shape,
            classes: &self.classes,
            device: &context.device.device,
        };
        let count = which.len();
        let on_steps: &mut DrawProgress<'_> = &mut |done: u64, total: u64| {
            on_images(done * count as u64 / total.max(1));
            context.flow()
        };
        let images = match draw.images(which.start as u64..which.end as u64, on_steps) {
            Err(SampleError::Stopped) => return Err(EvalError::Stopped),
            images => images?,
        };
        let [n, c, h, w] = images.shape;
        Ok(ChunkArray { shape: vec![n, h, w, c], values: ChunkValues::Bytes(images.to_pixels()) })
    }
}

/// Whether a model is sampled as models trained here are: DDIM on trailing timesteps to the clean image, without
/// clipping.
fn is_plain(scheduler: &SchedulerConfig) -> bool {
    scheduler.class_name == "DDIMScheduler"
        && scheduler.timestep_spacing == TimestepSpacing::Trailing
        && scheduler.set_alpha_to_one
        && !scheduler.clip_sample
        && scheduler.thresholding().0.is_none()
}
