//! Sampling images from a model, to be evaluated.

use std::ops::Range;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use halfstep_core::{AncestralVariance, TimestepSpacing};
use halfstep_model::{ClassInput, ModelFolder, ModelOutline, SchedulerConfig};
use halfstep_sample::{
    Draw, DrawProgress, GammaTable, GridKind, PlanError, SampleError, SamplerKind, SamplerOption,
    SamplingPlan, SamplingRequest,
};
use serde_json::json;

use crate::error::{EvalError, UnsuitableModel};
use crate::evaluation::cache::{ChunkArray, ChunkValues};
use crate::evaluation::context::EvalContext;

/// A model folder whose samples are evaluated: grey or RGB, with a plain DDIM scheduler on trailing timesteps. The
/// classes of a conditional model are sampled in turn.
pub struct SampledModel {
    dir: PathBuf,
    model: ModelFolder,
    sha256: String,
    shape: [usize; 3],
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
        if config.class_input() == ClassInput::Number {
            return refuse(UnsuitableModel::AnyClass);
        }
        if !is_plain(&model.scheduler) {
            return refuse(UnsuitableModel::Scheduler);
        }
        if ![1, 3].contains(&config.in_channels) {
            return refuse(UnsuitableModel::Channels(config.in_channels));
        }
        let shape = [config.in_channels, height, width];
        Ok(Self { dir: dir.to_path_buf(), model, sha256, shape })
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
    /// [`EvalError::Plan`] if a student is to be sampled otherwise than it was distilled for, or the sampler takes no
    /// such grid; [`EvalError::Gamma`] if the sampler needs statistics that are missing.
    pub fn plan(
        &self,
        sampler: Option<SamplerKind>,
        steps: Option<usize>,
    ) -> Result<SamplingPlan, EvalError> {
        let takes_variance = sampler.is_some_and(|kind| kind.takes(SamplerOption::Variance));
        let request = SamplingRequest {
            sampler,
            steps,
            grid_kind: Some(GridKind::Trailing),
            // The cache does not tell one variance from another.
            variance: takes_variance.then_some(AncestralVariance::FixedSmall),
            model_dir: Some(self.dir.clone()),
            ..SamplingRequest::default()
        };
        request.resolve(&self.model).map_err(|source| match source {
            PlanError::Gamma(error) => error.into(),
            PlanError::Model(error) => error.into(),
            PlanError::Sample(error) => error.into(),
            source => {
                let (dir, source) = (self.dir.clone(), Box::new(source));
                EvalError::Plan { dir, sampler, steps, source }
            }
        })
    }

    /// Analytic-DPM's statistics from the model folder.
    ///
    /// # Errors
    /// [`EvalError::Gamma`] if they are missing or were estimated for other weights.
    pub fn gamma(&self) -> Result<GammaTable, EvalError> {
        Ok(GammaTable::load(&self.dir, &self.model.schedule)?)
    }

    /// Everything that the images of a plan depend on; devices round differently.
    pub(crate) fn cache_key(&self, plan: &SamplingPlan, context: &EvalContext<'_>) -> String {
        let times: Vec<f64> = plan.grid.iter().map(|point| point.t).collect();
        let gamma = plan.gamma.as_ref().map(|table| (table.data_variance, &table.eps_norm2));
        json!({
            "images": "drawn", "made_by": halfstep_sample::RESULTS_VERSION, "model": self.sha256,
            "sampler": plan.kind.name(), "times": times, "seed": context.seed,
            "device": context.device.kind(), "gamma": gamma,
        })
        .to_string()
    }

    /// Images `which`, rounded to bytes `[n, H, W, C]`. Image k depends on the seed and k alone. `on_images` is
    /// called with the number of images that the finished steps amount to.
    pub(crate) fn sample(
        &self,
        plan: &SamplingPlan,
        which: Range<usize>,
        context: &EvalContext<'_>,
        on_images: &mut dyn FnMut(u64),
    ) -> Result<ChunkArray, EvalError> {
        let (seed, batch_size) = (context.seed, context.batch_size);
        let draw = Draw { seed, batch_size, ..plan.draw(&self.model)? };
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
