//! What the program does, in the order it does it.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use halfstep_core::TimePoint;
use halfstep_model::{ClassInput, ImageSize, ModelFolder, SelectedDevice, TimeEmbeddingType};
use halfstep_sample::{
    ClassNames, Draw, GammaTable, Images, Sampler, StepNoise, open_model_checked, output,
};
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::{Args, GridSize};
use crate::choose::Choice;
use crate::compare;
use crate::gamma_program::{self, GammaJob};
use crate::learned_from::refuse_among_pictures;
use crate::outputs::Outputs;

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(dataset) = &args.estimate_gamma {
        return gamma_program::run(&gamma_job(args, dataset));
    }
    match &args.compare {
        Some(samplers) => compare::run(args, samplers)?,
        None => draw(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn gamma_job<'a>(args: &'a Args, dataset: &'a str) -> GammaJob<'a> {
    GammaJob {
        model: &args.model,
        dataset,
        data_dir: args.data_dir.as_deref(),
        samples: args.gamma_samples.map_or(GammaTable::DEFAULT_SAMPLES, |m| m as usize),
        seed: args.seed,
        batch_size: args.batch_size as usize,
        device: args.device,
        force: args.force,
    }
}

fn draw(args: &Args) -> anyhow::Result<()> {
    let outputs = Outputs::of(args);
    refuse_among_pictures(&args.model, &outputs.pictures())?;
    let device = args.device.select()?;
    let model = open_model_checked(&args.model, &device)?;
    let Choice { sampler, grid } = Choice::of(args, &model)?;
    refuse_no_logarithm(args, &model, &grid)?;
    let shape = image_shape(&args.model, &model)?;
    outputs.check(shape[0])?;
    let classes = classes(args, &model)?;
    let start = args.noise.as_deref().map(|path| output::read_noise(path, shape)).transpose()?;
    let layout = layout(args, start.as_ref());
    let count = start.as_ref().map_or(count(args, layout), Images::len);

    announce(args, &device, shape, count, &steps(sampler.as_ref(), &grid));
    outputs.announce(layout, count);
    let draw = Draw {
        unet: &model.unet,
        prediction_type: model.prediction_type(),
        sampler: sampler.as_ref(),
        grid: &grid,
        schedule: &model.schedule,
        seed: args.seed,
        step_noise: StepNoise::Fresh,
        batch_size: args.batch_size as usize,
        shape,
        classes: &classes,
        device: &device.device,
    };
    let bar = progress_bar();
    let mut progress = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
        ControlFlow::Continue(())
    };
    let images = match &start {
        Some(start) => draw.images_from(start, &mut progress)?,
        None => draw.images(0..count as u64, &mut progress)?,
    };
    bar.finish_and_clear();
    Ok(outputs.write(&images, layout)?)
}

/// `50 steps of ddim`, `17 steps of heun (33 network calls)`.
fn steps(sampler: &dyn Sampler, grid: &[TimePoint]) -> String {
    let (name, num_steps) = (sampler.name(), grid.len() - 1);
    match sampler.calls(grid) {
        None => format!("as many steps as needed of {name}"),
        Some(calls) if calls == num_steps => format!("{num_steps} steps of {name}"),
        Some(calls) => format!("{num_steps} steps of {name} ({calls} network calls)"),
    }
}

/// A fourier time embedding takes the logarithm of the time.
fn refuse_no_logarithm(args: &Args, model: &ModelFolder, grid: &[TimePoint]) -> anyhow::Result<()> {
    let fourier = model.unet.config().time_embedding_type == TimeEmbeddingType::Fourier;
    match grid.iter().rev().skip(1).any(|point| point.t <= 0.0) {
        true if fourier => bail!(
            "{}: the network takes the logarithm of the time, and these steps visit t = 0; \
             --grid-kind trailing in fewer steps does not",
            args.model.display()
        ),
        _ => Ok(()),
    }
}

pub fn image_shape(path: &Path, model: &ModelFolder) -> anyhow::Result<[usize; 3]> {
    let config = model.unet.config();
    let [height, width] = config.sample_size.map(ImageSize::sides).with_context(|| {
        format!(
            "{}: the network's config.json has no `sample_size`, so the image size is unknown",
            path.display()
        )
    })?;
    if config.in_channels != config.out_channels {
        bail!(
            "{}: the network takes {} channels and gives {}; only image-to-image channels can be sampled",
            path.display(),
            config.in_channels,
            config.out_channels
        );
    }
    Ok([config.in_channels, height, width])
}

/// `--class`, or all of the model's in turn; none for an unconditional model.
pub fn classes(args: &Args, model: &ModelFolder) -> anyhow::Result<Vec<u32>> {
    let path = args.model.display();
    let Some(names) = ClassNames::of(model) else {
        if !args.class.is_empty() {
            bail!("--class: {path} is an unconditional model");
        }
        return Ok(Vec::new());
    };
    if !args.class.is_empty() {
        let numbers = names.numbers(&args.class).context("--class")?;
        halfstep_sample::say!("classes, in turn: {}", names.describe(&numbers));
        return Ok(numbers);
    }
    match model.unet.config().class_input() {
        ClassInput::Table(classes) => Ok((0..classes as u32).collect()),
        _ => bail!("{path} takes any number for a class; say which with --class"),
    }
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

fn announce(args: &Args, device: &SelectedDevice, shape: [usize; 3], count: usize, steps: &str) {
    let [c, h, w] = shape;
    halfstep_sample::say!(
        "drawing {count} images of {c}x{h}x{w} from {} in {steps}, seed {}, on {}",
        args.model.display(),
        args.seed,
        device.description
    );
}

pub fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{prefix}{bar:40} {pos}/{len} network calls, {per_sec}, {eta} left",
    );
    ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
