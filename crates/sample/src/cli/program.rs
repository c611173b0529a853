//! What the program does, in the order it does it.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;

use crate::kept::{Drawing, Settings};
use crate::{
    ClassNames, Draw, GammaTable, Images, SampleError, Sampler, Start, StepNoise, StopFlag, Watch,
    counted, open_model_checked, output, select_device,
};
use anyhow::{Context, bail};
use halfstep_core::TimePoint;
use halfstep_model::{ClassInput, ModelFolder, SelectedDevice, TimeEmbeddingType};

use crate::cli::args::{Args, GridSize};
use crate::cli::choose::Choice;
use crate::cli::compare;
use crate::cli::gamma::{self, GammaJob};
use crate::cli::learned_from::refuse_among_pictures;
use crate::cli::outputs::{Outputs, Writing};
use crate::cli::settings::settings;

/// Does what the command line asks for.
///
/// # Errors
/// Whatever stands in the way, in one line; nothing was printed yet.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(dataset) = &args.estimate_gamma {
        return gamma::run(&gamma_job(args, dataset));
    }
    match &args.compare {
        Some(samplers) => compare::run(args, samplers),
        None => draw(args),
    }
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

fn draw(args: &Args) -> anyhow::Result<ExitCode> {
    let outputs = Outputs::of(args)?;
    refuse_among_pictures(&args.model, &outputs.pictures())?;
    let stop = StopFlag::install().context("cannot watch for Ctrl-C")?;
    let device = select_device(args.device)?;
    let model = open_model_checked(&args.model, &device)?;
    let choice = Choice::of(args, &model)?;
    refuse_no_logarithm(args, &model, &choice.grid)?;
    let shape = image_shape(&args.model, &model)?;
    let classes = classes(args, &model)?;
    let start = start(args, shape)?;
    let layout = layout(args, start.as_ref());
    outputs.check(shape, layout)?;
    let count = outputs.of_use(count(args, start.as_ref(), layout), layout);
    let settings = match outputs.keeps() {
        true => settings(args, &model, &choice, &classes, start.as_ref(), &device)?,
        false => Settings::default(), // weights take long to hash
    };

    announce(args, &device, shape, count, &steps(choice.sampler.as_ref(), &choice.grid));
    note_missing_step(args, &model, &choice.grid);
    let writing = outputs.begin(&Drawing { settings, count, shape }, layout)?;
    let draw = Draw {
        unet: &model.unet,
        prediction_type: model.prediction_type(),
        sampler: choice.sampler.as_ref(),
        grid: &choice.grid,
        schedule: &model.schedule,
        seed: args.seed,
        step_noise: StepNoise::Fresh,
        batch_size: args.batch_size as usize,
        shape,
        classes: &classes,
        device: &device.device,
    };
    write(&draw, start.as_ref(), writing, &stop)
}

/// Draws what is missing, and writes it as it goes.
fn write(
    draw: &Draw<'_>,
    start: Option<&Images>,
    mut writing: Writing,
    stop: &StopFlag,
) -> anyhow::Result<ExitCode> {
    let start = start.map_or(Start::Seed, Start::Given);
    let missing = writing.missing(draw.batch_size as u64);
    if missing.is_empty() {
        crate::say!("all images are there already; nothing was drawn.");
    }
    for range in missing {
        let (first, end) = (range.start, range.end);
        let mut watch = Watch::new("images");
        watch.show(first, end);
        let mut progress = |done: u64, calls: u64| {
            // A step of a batch is a part of its images.
            watch.show(first + (end - first) * done / calls.max(1), end);
            if stop.is_raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let mut keep = |first, images| writing.take(first, images);
        let drawn = draw.batches(range, start, &mut progress, &mut keep);
        drop(watch);
        if let Err(error) = drawn {
            writing.say_kept(&error);
            return match error {
                SampleError::Stopped => Ok(ExitCode::from(stop.exit_code())),
                error => Err(error.into()),
            };
        }
    }
    if let Err(error) = writing.seal() {
        writing.say_kept(&error);
        return Err(error.into());
    }
    writing.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// A grid that visits t = 0 and ends there is a step shorter than asked for.
fn note_missing_step(args: &Args, model: &ModelFolder, grid: &[TimePoint]) {
    let asked = args.steps.map_or(0, |steps| steps as usize);
    if asked == grid.len() && !model.scheduler.set_alpha_to_one {
        crate::say!(
            "note: the last of {} would lie at t = 0, where this model ends, and change nothing",
            counted(asked, "step")
        );
    }
}

/// `50 steps of ddim`, `17 steps of heun (33 network calls)`.
fn steps(sampler: &dyn Sampler, grid: &[TimePoint]) -> String {
    let (name, num_steps) = (sampler.name(), grid.len() - 1);
    let steps = counted(num_steps, "step");
    match sampler.calls(grid) {
        None => format!("as many steps as needed of {name}"),
        Some(calls) if calls == num_steps => format!("{steps} of {name}"),
        Some(calls) => format!("{steps} of {name} ({})", counted(calls, "network call")),
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

/// `[C, H, W]` of the images of the model at `path`.
pub fn image_shape(path: &Path, model: &ModelFolder) -> anyhow::Result<[usize; 3]> {
    model.image_shape().with_context(|| path.display().to_string())
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
        crate::say!("classes, in turn: {}", names.describe(&numbers));
        return Ok(numbers);
    }
    match model.unet.config().class_input() {
        ClassInput::Table(classes) => Ok((0..classes as u32).collect()),
        _ => bail!("{path} takes any number for a class; say which with --class"),
    }
}

/// `--noise`
fn start(args: &Args, shape: [usize; 3]) -> anyhow::Result<Option<Images>> {
    let start = args.noise.as_deref().map(|path| output::read_noise(path, shape)).transpose()?;
    match (&start, args.count, &args.noise) {
        (Some(start), Some(count), Some(path)) if start.len() < count as usize => bail!(
            "--count {count}: {} holds the noise of {}; take at most as many",
            path.display(),
            counted(start.len(), "image")
        ),
        _ => Ok(start),
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

/// The number of images: `--count`, else the number of given noises, else the cells of the grid.
fn count(args: &Args, start: Option<&Images>, layout: GridSize) -> u64 {
    match (args.count, start) {
        (Some(count), _) => count.into(),
        (None, Some(start)) => start.len() as u64,
        (None, None) => (layout.columns * layout.rows) as u64,
    }
}

fn announce(args: &Args, device: &SelectedDevice, shape: [usize; 3], count: u64, steps: &str) {
    let [c, h, w] = shape;
    crate::say!(
        "drawing {} of {c}x{h}x{w} from {} in {steps}, seed {}, on {}",
        counted(count, "image"),
        args.model.display(),
        args.seed,
        device.description
    );
}
