//! What the program does, in the order it does it.

use anyhow::{Context, bail};
use halfstep_core::{TimePoint, TimestepSpacing};
use halfstep_model::{ModelFolder, SelectedDevice};
use halfstep_sample::{Draw, Images, SamplerKind, SamplerOptions, output, sampling_grid};
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::{Args, GridSize};
use crate::outputs::Outputs;

/// Steps of a model that was not distilled, as diffusers' pipelines default to.
const DEFAULT_STEPS: usize = 50;

pub fn run(args: &Args) -> anyhow::Result<()> {
    check_sampler_flags(args)?;
    let outputs = Outputs::of(args);
    let device = args.device.select()?;
    let model = ModelFolder::load(&args.model, &device.device)?;
    check_student_noise(args, &model)?;
    let grid = time_grid(args, &model)?;
    let shape = image_shape(args, &model)?;
    outputs.check(shape[0])?;
    let classes = classes(args, &model)?;
    let start = args.noise.as_deref().map(|path| output::read_noise(path, shape)).transpose()?;
    let layout = layout(args, start.as_ref());
    let count = start.as_ref().map_or(count(args, layout), Images::len);

    let sampler = args.sampler.build(sampler_options(args, &model)?);
    let steps = grid.len() - 1;
    announce(args, &device, shape, count, steps, sampler.name());
    outputs.announce(layout, count);
    let draw = Draw {
        unet: &model.unet,
        prediction_type: model.prediction_type(),
        sampler: sampler.as_ref(),
        grid: &grid,
        seed: args.seed,
        batch_size: args.batch_size as usize,
        shape,
        classes: &classes,
        device: &device.device,
    };
    let bar = progress_bar();
    let mut progress = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let images = match &start {
        Some(start) => draw.images_from(start, &mut progress)?,
        None => draw.images(0..count as u64, &mut progress)?,
    };
    bar.finish_and_clear();
    Ok(outputs.write(&images, layout)?)
}

/// A flag that the sampler does not take is a mistake, not to be ignored.
fn check_sampler_flags(args: &Args) -> anyhow::Result<()> {
    if args.eta.is_some() && args.sampler != SamplerKind::Ddim {
        bail!("--eta: only --sampler ddim takes it; leave one of them out");
    }
    if args.variance.is_some() && args.sampler != SamplerKind::Ddpm {
        bail!("--variance: only --sampler ddpm takes it; add that, or leave --variance out");
    }
    Ok(())
}

/// Students learned deterministic steps; fresh noise in between is what they never saw.
fn check_student_noise(args: &Args, model: &ModelFolder) -> anyhow::Result<()> {
    let noisy = args.sampler == SamplerKind::Ddpm || args.eta.is_some_and(|eta| eta > 0.0);
    if model.halfstep.distilled.is_some() && noisy && !args.force {
        bail!(
            "{} is a student: it was distilled for deterministic steps; leave out --eta / \
             --sampler ddpm, or add --force",
            args.model.display()
        );
    }
    Ok(())
}

/// The student's own grid, or the one asked for.
fn time_grid(args: &Args, model: &ModelFolder) -> anyhow::Result<Vec<TimePoint>> {
    let spacing = args.spacing.map(TimestepSpacing::from);
    if let (Some(own), Some(grid)) = (&model.halfstep.distilled, model.distilled_grid()) {
        let same_steps = args.steps.is_none_or(|steps| steps as usize == own.num_steps);
        let same_spacing = spacing.is_none_or(|spacing| spacing == TimestepSpacing::Trailing);
        if same_steps && same_spacing {
            return Ok(grid);
        }
        if !args.force {
            bail!(
                "{} is a student distilled for {} steps at times {:?}; on another grid it draws worse. \
                 Leave out --steps and --spacing, or add --force",
                args.model.display(),
                own.num_steps,
                own.timesteps
            );
        }
    }
    let steps = args.steps.map_or(DEFAULT_STEPS.min(model.schedule.len()), |steps| steps as usize);
    let spacing = spacing.unwrap_or(model.scheduler.timestep_spacing);
    let mut grid = sampling_grid(&model.schedule, spacing, steps, model.scheduler.steps_offset)
        .with_context(|| format!("--steps {steps}"))?;
    if !model.scheduler.set_alpha_to_one
        && let Some(last) = grid.last_mut()
    {
        last.level = model.schedule.point(0).level;
    }
    Ok(grid)
}

fn image_shape(args: &Args, model: &ModelFolder) -> anyhow::Result<[usize; 3]> {
    let config = model.unet.config();
    let size = config.sample_size.with_context(|| {
        format!(
            "{}: unet/config.json has no `sample_size`, so the image size is unknown",
            args.model.display()
        )
    })?;
    if config.in_channels != config.out_channels {
        bail!(
            "{}: the network takes {} channels and gives {}; only image-to-image channels can be sampled",
            args.model.display(),
            config.in_channels,
            config.out_channels
        );
    }
    Ok([config.in_channels, size, size])
}

fn classes(args: &Args, model: &ModelFolder) -> anyhow::Result<Vec<u32>> {
    match model.unet.config().num_class_embeds {
        None if args.class.is_empty() => Ok(Vec::new()),
        None => bail!("--class: {} is an unconditional model", args.model.display()),
        Some(classes) if args.class.is_empty() => Ok((0..classes as u32).collect()),
        Some(classes) => match args.class.iter().find(|&&class| class as usize >= classes) {
            Some(class) => bail!("--class {class}: the model has classes 0 to {}", classes - 1),
            None => Ok(args.class.clone()),
        },
    }
}

fn sampler_options(args: &Args, model: &ModelFolder) -> anyhow::Result<SamplerOptions> {
    let clip = args.clip.unwrap_or(model.scheduler.clip_sample);
    let variance = match args.variance {
        Some(variance) => variance.into(),
        None if args.sampler == SamplerKind::Ddpm => model
            .scheduler
            .variance(&args.model.join("scheduler/scheduler_config.json"))
            .context("the model's own variance cannot be used; add --variance")?,
        None => SamplerOptions::default().variance,
    };
    Ok(SamplerOptions {
        eta: args.eta.unwrap_or(0.0),
        variance,
        clip: clip.then_some(model.scheduler.clip_sample_range),
    })
}

fn layout(args: &Args, start: Option<&Images>) -> GridSize {
    match (args.grid, args.count, start) {
        (Some(grid), _, _) => grid,
        (None, Some(count), _) => GridSize::for_count(count as usize),
        (None, None, Some(start)) => GridSize::for_count(start.len()),
        (None, None, None) => GridSize { columns: 8, rows: 8 },
    }
}

fn count(args: &Args, layout: GridSize) -> usize {
    args.count.map_or(layout.columns * layout.rows, |count| count as usize)
}

fn announce(
    args: &Args,
    device: &SelectedDevice,
    shape: [usize; 3],
    count: usize,
    steps: usize,
    sampler: &str,
) {
    let [c, h, w] = shape;
    eprintln!(
        "drawing {count} images of {c}x{h}x{w} from {} in {steps} steps of {sampler}, seed {}, on {}",
        args.model.display(),
        args.seed,
        device.description
    );
}

fn progress_bar() -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:40} {pos}/{len} network calls, {per_sec}, {eta} left");
    ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
