//! Drawing, in the order in which the program does it.

use std::ops::ControlFlow;
use std::process::ExitCode;

use anyhow::{Context, bail};
use halfstep_core::{TimePoint, counted};
use halfstep_model::{ModelFolder, Network, SelectedDevice, TimeEmbeddingType};
use halfstep_terminal::{ProgressLine, StopSignal, say, select_device};

use super::advice::of_plan;
use super::args::{Args, GridSize};
use super::learned_from::refuse_among_pictures;
use super::model::{classes, image_shape, open_model_checked};
use super::outputs::{OpenOutputs, Outputs};
use super::request::request;
use super::settings::settings;
use crate::draw::{Draw, Start, StepNoise};
use crate::error::SampleError;
use crate::output::images::Images;
use crate::output::kept::{Drawing, DrawingSettings};
use crate::output::read_noise;
use crate::plan::SamplingPlan;

/// Draws images and writes them.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let outputs = Outputs::from_args(args)?;
    refuse_among_pictures(&args.model, &outputs.pictures())?;
    let stop = StopSignal::install().context("cannot watch for Ctrl-C")?;
    let device = select_device(args.device)?;
    let model = open_model_checked(&args.model, &device)?;
    let plan = request(args).resolve(&model).map_err(|error| of_plan(error, &args.model))?;
    refuse_no_logarithm(args, &model, &plan.grid)?;
    let shape = image_shape(&args.model, &model)?;
    let classes = classes(args, &model)?;
    let start = start(args, shape)?;
    let layout = layout(args, start.as_ref());
    outputs.check(shape, layout)?;
    let count = outputs.needed(count(args, start.as_ref(), layout), layout);
    let settings = match outputs.keeps() {
        true => settings(args, &model, &plan, &classes, start.as_ref(), &device)?,
        false => DrawingSettings::default(), // weights take long to hash
    };

    announce(args, &device, shape, count, &steps(&plan));
    note_missing_step(args, &model, &plan.grid);
    let outputs = outputs.open(&Drawing { settings, count, shape }, layout)?;
    let draw = Draw {
        network: &model.unet,
        prediction_type: model.prediction_type(),
        sampler: plan.sampler.as_ref(),
        grid: &plan.grid,
        schedule: &model.schedule,
        seed: args.seed,
        step_noise: StepNoise::Fresh,
        batch_size: args.batch_size as usize,
        shape,
        classes: &classes,
        device: &device.device,
    };
    write(&draw, start.as_ref(), outputs, &stop)
}

/// Draws the missing images, and writes each batch as it is drawn.
fn write(
    draw: &Draw<'_, impl Network>,
    start: Option<&Images>,
    mut outputs: OpenOutputs,
    stop: &StopSignal,
) -> anyhow::Result<ExitCode> {
    let start = start.map_or(Start::Seed, Start::Given);
    let missing = outputs.missing(draw.batch_size as u64);
    if missing.is_empty() {
        say!("all images already exist; nothing was drawn.");
    }
    for range in missing {
        let (first, end) = (range.start, range.end);
        let mut line = ProgressLine::new("images");
        line.show(first, end);
        let mut progress = |done: u64, calls: u64| {
            // A step of a batch is a part of its images.
            line.show(first + (end - first) * done / calls.max(1), end);
            if stop.is_raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let mut keep = |first, images| outputs.take(first, images);
        let drawn = draw.batches(range, start, &mut progress, &mut keep);
        drop(line);
        if let Err(error) = drawn {
            outputs.say_kept(&error);
            return match error {
                SampleError::Stopped => Ok(ExitCode::from(stop.exit_code())),
                error => Err(error.into()),
            };
        }
    }
    if let Err(error) = outputs.seal() {
        outputs.say_kept(&error);
        return Err(error.into());
    }
    outputs.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// Notes that a grid that visits t = 0 and ends there is a step shorter than asked for.
fn note_missing_step(args: &Args, model: &ModelFolder, grid: &[TimePoint]) {
    let asked = args.steps.map_or(0, |steps| steps as usize);
    if asked == grid.len() && !model.scheduler.set_alpha_to_one {
        say!(
            "note: the last of {} is skipped: it would lie at t = 0, where this model ends",
            counted(asked, "step")
        );
    }
}

/// `50 steps of ddim`, `17 steps of heun (33 network calls)`.
fn steps(plan: &SamplingPlan) -> String {
    let (name, num_steps) = (plan.kind.name(), plan.num_steps());
    let steps = counted(num_steps, "step");
    match plan.calls() {
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
            "{}: the network embeds log t, so it cannot be called at t = 0, which this grid visits; use \
             --grid-kind trailing with fewer steps",
            args.model.display()
        ),
        _ => Ok(()),
    }
}

/// The noise of `--noise`.
fn start(args: &Args, shape: [usize; 3]) -> anyhow::Result<Option<Images>> {
    let start = args.noise.as_deref().map(|path| read_noise(path, shape)).transpose()?;
    match (&start, args.count, &args.noise) {
        (Some(start), Some(count), Some(path)) if start.len() < count as usize => bail!(
            "--count {count}: {} holds noise for only {}",
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
    say!(
        "drawing {} of {c}x{h}x{w} from {} in {steps}, seed {}, on {}",
        counted(count, "image"),
        args.model.display(),
        args.seed,
        device.description
    );
}
