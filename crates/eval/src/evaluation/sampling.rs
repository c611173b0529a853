//! Images drawn of a model, to be measured.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Pictures;
use anyhow::{Context, bail};
use halfstep_core::{TimePoint, TimestepSpacing};
use halfstep_model::{ClassInput, ModelFolder, ModelOutline, SchedulerConfig};
use halfstep_sample::{
    AnalyticStatistics, Draw, DrawProgress, GammaError, GammaTable, Sampler, SamplerKind,
    SamplerOptions, StepNoise, Takes, counted, student_grid,
};
use serde_json::{Value, json};

use crate::cli::job::{Job, Stopped};
use crate::evaluation::cache::{Array, Values};

/// Steps of a model that was not distilled.
const STEPS: usize = 50;

/// A model that images are drawn of.
pub struct Drawn {
    dir: PathBuf,
    pub model: ModelFolder,
    sha256: String,
    /// C, H, W.
    pub shape: [usize; 3],
    classes: Vec<u32>,
}

/// A sampler on a grid.
pub struct Way {
    /// `ddim, 8 steps`
    pub name: String,
    pub kind: SamplerKind,
    pub num_steps: usize,
    sampler: Box<dyn Sampler>,
    grid: Vec<TimePoint>,
    /// The numbers of Gamma that it draws by.
    gamma: Value,
}

impl Way {
    /// Network calls an image.
    pub fn calls(&self) -> usize {
        self.sampler.calls(&self.grid).unwrap_or(self.num_steps)
    }
}

impl Drawn {
    /// Reads a model folder whose images can be measured.
    pub fn load(dir: &Path, job: &Job) -> anyhow::Result<Self> {
        let outline = ModelOutline::read(dir)?;
        let model = job.open(dir, &outline)?;
        let config = model.unet.config();
        let Some([height, width]) = config.sample_size.map(|size| size.sides()) else {
            bail!("{}: the network's config.json has no `sample_size`", dir.display());
        };
        let classes = match config.class_input() {
            ClassInput::None => Vec::new(),
            ClassInput::Table(classes) => (0..classes as u32).collect(),
            ClassInput::Number => bail!(
                "{}: takes any number for a class; draw with `sample --class --npz` and give the file to \
                 --samples",
                dir.display()
            ),
        };
        if !is_plain(&model.scheduler) {
            bail!(
                "{0}: its scheduler config asks for more than plain DDIM (clipping, thresholding, other \
                 times or another solver); draw with `sample --model {0} --npz FILE`, which heeds it, and \
                 give the file to --samples",
                dir.display()
            );
        }
        if ![1, 3].contains(&config.in_channels) {
            bail!(
                "{}: draws images of {}; grey (1) and RGB (3) can be measured",
                dir.display(),
                counted(config.in_channels, "channel")
            );
        }
        let shape = [config.in_channels, height, width];
        let sha256 = outline.sha256()?;
        Ok(Self { dir: dir.to_path_buf(), model, sha256, shape, classes })
    }

    /// How to draw: a student on its own grid with DDIM; any other model in `steps` steps, evenly
    /// spaced.
    pub fn way(&self, kind: Option<SamplerKind>, steps: Option<usize>) -> anyhow::Result<Way> {
        let own = self.model.halfstep.distilled.as_ref().map(|own| own.num_steps);
        let kind = match (kind, own) {
            (Some(kind), Some(_)) if kind != SamplerKind::default() => bail!(
                "--sampler {kind}: {} is a student, distilled for ddim; leave it out",
                self.dir.display()
            ),
            (kind, _) => kind.unwrap_or_default(),
        };
        let num_steps = match (steps, own) {
            (Some(steps), Some(own)) if steps != own => bail!(
                "--steps {steps}: {} is a student of {}; leave it out",
                self.dir.display(),
                counted(own, "step")
            ),
            (steps, own) => steps.or(own).unwrap_or(STEPS.min(self.model.schedule.len())),
        };
        if !kind.entry().grid.takes_any() {
            bail!(
                "--sampler {kind}: lays out its own times; draw with `sample --sampler {kind} --npz`"
            );
        }
        let grid = match self.model.distilled_grid() {
            Some(own) => own,
            None => student_grid(&self.model.schedule, num_steps)
                .with_context(|| format!("--steps {num_steps}"))?,
        };
        let table = kind.takes(Takes::Gamma).then(|| self.gamma()).transpose()?;
        let gamma = json!(table.as_ref().map(|table| (table.data_variance, &table.eps_norm2)));
        let analytic = table.map(|table| self.statistics(table));
        let options = SamplerOptions { num_steps, analytic, ..SamplerOptions::default() };
        let name = format!("{kind}, {}", counted(num_steps, "step"));
        Ok(Way { name, kind, num_steps, sampler: kind.build(&options)?, grid, gamma })
    }

    fn statistics(&self, table: GammaTable) -> AnalyticStatistics {
        AnalyticStatistics {
            posterior_data_variance: Arc::new(move |at| table.posterior_data_variance(at)),
            linear_betas: self.model.scheduler.has_linear_betas(),
            last_clip: None,
        }
    }

    /// Analytic-DPM's statistics, if they are there and of these weights.
    pub fn gamma(&self) -> Result<GammaTable, GammaError> {
        GammaTable::load(&self.dir, &self.model.schedule)
    }

    /// All that the images of a way depend on. Devices round differently.
    pub fn key(&self, way: &Way, job: &Job) -> String {
        let times: Vec<f64> = way.grid.iter().map(|point| point.t).collect();
        json!({
            "images": "drawn", "made_by": halfstep_sample::MAKING, "model": self.sha256,
            "sampler": way.kind.name(), "times": times, "seed": job.seed,
            "device": job.device.kind(), "gamma": way.gamma,
        })
        .to_string()
    }

    /// Images `which`, as they would be written to files: bytes `[n, H, W, C]`.
    pub fn chunk(
        &self,
        way: &Way,
        which: Range<usize>,
        job: &Job,
        progress: &mut dyn FnMut(u64),
    ) -> anyhow::Result<Array> {
        let draw = Draw {
            network: &self.model.unet,
            prediction_type: self.model.prediction_type(),
            sampler: way.sampler.as_ref(),
            grid: &way.grid,
            schedule: &self.model.schedule,
            seed: job.seed,
            step_noise: StepNoise::Fresh,
            batch_size: job.batch_size,
            shape: self.shape,
            classes: &self.classes,
            device: &job.device.device,
        };
        let count = which.len();
        let mut told = |done: u64, total: u64| {
            progress(done * count as u64 / total.max(1));
            job.flow()
        };
        let told: &mut DrawProgress<'_> = &mut told;
        let images = match draw.images(which.start as u64..which.end as u64, told) {
            Err(halfstep_sample::SampleError::Stopped) => bail!(Stopped),
            images => images?,
        };
        let [n, c, h, w] = images.shape;
        Ok(Array { shape: vec![n, h, w, c], values: Values::Bytes(images.to_pixels()) })
    }

    /// Where it lies.
    pub fn name(&self) -> String {
        self.dir.display().to_string()
    }
}

/// Whether a model is sampled as those that are trained here: trailing times, to the clean image, nothing
/// clipped.
fn is_plain(scheduler: &SchedulerConfig) -> bool {
    scheduler.class_name == "DDIMScheduler"
        && scheduler.timestep_spacing == TimestepSpacing::Trailing
        && scheduler.set_alpha_to_one
        && !scheduler.clip_sample
        && scheduler.thresholding().0.is_none()
}

/// Bytes `[n, H, W, C]` as pictures.
pub fn pictures(name: String, array: Array) -> anyhow::Result<Pictures> {
    match (array.values, array.shape.as_slice()) {
        (Values::Bytes(bytes), &[_, height, width, channels]) => {
            Ok(Pictures::from_bytes(name, bytes, [height, width, channels])?)
        }
        _ => bail!("{name}: not images"),
    }
}
