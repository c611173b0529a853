//! The two sides of a comparison, from what the command line calls them.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, bail};
use halfstep_core::TimestepSpacing;
use halfstep_data::{DataConfig, Progress};
use halfstep_eval::{Pictures, Statistics};
use halfstep_model::{ClassInput, ModelFolder, SchedulerConfig, SelectedDevice};
use halfstep_sample::{Ddim, Draw, StepNoise, student_grid};

use crate::args::Args;
use crate::program::bar;

/// Images drawn of a model if nobody says how many.
const DRAWN: u32 = 10_000;
/// Steps of a model that was not distilled.
const STEPS: usize = 50;

/// Real images, or what is known of them.
pub enum Reference {
    Pictures(Pictures),
    Statistics(Statistics),
}

/// `--reference`.
pub fn reference(name: &str) -> anyhow::Result<Reference> {
    let path = Path::new(name);
    if let Some(config) = DataConfig::named(name) {
        let dataset = config.load(Progress::Shown)?;
        return Ok(Reference::Pictures(Pictures::from_dataset(&dataset)));
    }
    if path.is_dir() || !path.exists() {
        let known = DataConfig::NAMES.join(", ");
        return pictures(path)
            .map(Reference::Pictures)
            .with_context(|| format!("--reference {name}: not one of {known} either"));
    }
    // Statistics and images are both npz; the former say so.
    match Statistics::from_npz(path) {
        Ok(statistics) => Ok(Reference::Statistics(statistics)),
        Err(of_statistics) => match Pictures::from_npz(path) {
            Ok(pictures) => Ok(Reference::Pictures(pictures)),
            Err(of_pictures) => {
                bail!("--reference {of_pictures}; and as statistics: {of_statistics}")
            }
        },
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

/// A folder or an npz file of images.
pub fn pictures(path: &Path) -> anyhow::Result<Pictures> {
    Ok(if path.is_file() { Pictures::from_npz(path)? } else { Pictures::from_folder(path)? })
}

/// `--model`: images as they would be written to files, drawn by DDIM.
pub fn drawn(args: &Args, dir: &Path, device: &SelectedDevice) -> anyhow::Result<Pictures> {
    let model = ModelFolder::load(dir, &device.device)?;
    let config = model.unet.config();
    let Some([height, width]) = config.sample_size.map(|size| size.sides()) else {
        bail!("--model {}: the network's config.json has no `sample_size`", dir.display());
    };
    let classes: Vec<u32> = match config.class_input() {
        ClassInput::None => Vec::new(),
        ClassInput::Table(classes) => (0..classes as u32).collect(),
        ClassInput::Number => bail!(
            "--model {}: takes any number for a class; draw with `sample --class --npz` and give the file \
             to --samples",
            dir.display()
        ),
    };
    if !is_plain(&model.scheduler) {
        bail!(
            "--model {0}: its scheduler config asks for more than plain DDIM (clipping, thresholding, other \
             times or another solver); draw with `sample --model {0} --npz FILE`, which heeds it, and give \
             the file to --samples",
            dir.display()
        );
    }
    let own = model.halfstep.distilled.as_ref().map(|own| own.num_steps);
    let steps = match (args.steps.map(|steps| steps as usize), own) {
        (Some(steps), Some(own)) if steps != own => {
            bail!("--steps {steps}: {} is a student of {own} steps; leave it out", dir.display())
        }
        (steps, own) => steps.or(own).unwrap_or(STEPS.min(model.schedule.len())),
    };
    let grid = match model.distilled_grid() {
        Some(own) => own,
        None => student_grid(&model.schedule, steps)?,
    };
    let draw = Draw {
        unet: &model.unet,
        prediction_type: model.prediction_type(),
        sampler: &Ddim::default(),
        grid: &grid,
        schedule: &model.schedule,
        seed: args.seed,
        step_noise: StepNoise::Fresh,
        batch_size: args.batch_size as usize,
        shape: [config.in_channels, height, width],
        classes: &classes,
        device: &device.device,
    };
    let count = u64::from(args.count.unwrap_or(DRAWN));
    halfstep_sample::say!("drawing {count} images from {} in {steps} steps of ddim", dir.display());
    let progress = bar(0, "network calls");
    let images = draw.images(0..count, &mut |done, total| {
        progress.set_length(total);
        progress.set_position(done);
        ControlFlow::Continue(())
    })?;
    progress.finish_and_clear();
    let [_, channels, ..] = images.shape;
    let name = dir.display().to_string();
    Ok(Pictures::from_bytes(name, images.to_pixels(), [height, width, channels])?)
}
