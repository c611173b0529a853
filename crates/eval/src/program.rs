//! What the program does, in the order it does it.

use std::process::ExitCode;

use anyhow::{Context, bail};
use halfstep_eval::{Answers, Features, Inception, Pictures, pixel_features};
use halfstep_sample::output;
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::Args;
use crate::measures::{self, Measure, RealFeatures, of_inception, of_pixels};
use crate::sides::{Reference, drawn, pictures, reference};

/// Fewer images than this bias a Frechet distance of 2048 features by more than what is compared.
const ENOUGH: usize = 10_000;

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(path) = &args.json {
        output::check_file(path)?;
    }
    let device = args.device.select()?;
    let inception = match &args.inception {
        Some(path) => Some(Inception::load(path, &device.device)?),
        None => None,
    };
    let real = reference(&args.reference)?;
    let generated = match (&args.samples, &args.model) {
        (Some(path), _) => pictures(path).context("--samples")?,
        (None, Some(dir)) => drawn(args, dir, &device)?,
        (None, None) => bail!("--samples or --model is missing"),
    };
    let first = |pictures: Pictures| match args.count {
        Some(count) => pictures.first(count as usize),
        None => pictures,
    };
    let (generated, real) = match real {
        Reference::Pictures(real) => (first(generated), Reference::Pictures(first(real))),
        statistics => (first(generated), statistics),
    };
    let measures = match &inception {
        Some(inception) => by_inception(args, inception, &generated, &real)?,
        None => by_pixels(&generated, &real)?,
    };
    halfstep_sample::answer!("{}", measures::table(&measures).trim_end());
    if let Some(path) = &args.json {
        let count = match &real {
            Reference::Pictures(real) => Some(real.len()),
            Reference::Statistics(_) => None,
        };
        let text = measures::to_json(&measures, generated.len(), count).to_string();
        output::write_file(path, text.as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn by_inception(
    args: &Args,
    inception: &Inception,
    generated: &Pictures,
    real: &Reference,
) -> anyhow::Result<Vec<Measure>> {
    let fewest = match real {
        Reference::Pictures(real) => real.len().min(generated.len()),
        Reference::Statistics(_) => generated.len(),
    };
    if fewest < ENOUGH {
        halfstep_sample::say!(
            "note: an FID of {fewest} images is larger than one of many; the field compares 50000 with the \
             whole dataset"
        );
    }
    let batch = args.batch_size as usize;
    let real = match real {
        Reference::Pictures(real) => {
            RealFeatures::Features(answers(inception, real, batch)?.features)
        }
        Reference::Statistics(statistics) => RealFeatures::Statistics(statistics.clone()),
    };
    Ok(of_inception(&answers(inception, generated, batch)?, &real)?)
}

fn answers(inception: &Inception, pictures: &Pictures, most: usize) -> anyhow::Result<Answers> {
    halfstep_sample::say!("{} images of {} through Inception", pictures.len(), pictures.name());
    let progress = bar(pictures.len() as u64, "images");
    let (mut all, mut done): (Option<Answers>, usize) = (None, 0);
    while let Some(batch) = pictures.batch(done, most)? {
        let more = inception.answers(&batch.values, batch.sides)?;
        done += batch.len();
        progress.set_position(done as u64);
        match &mut all {
            None => all = Some(more),
            Some(answers) => {
                answers.features.append(more.features)?;
                answers.logits.append(more.logits)?;
            }
        }
    }
    progress.finish_and_clear();
    all.context("no images")
}

fn by_pixels(generated: &Pictures, real: &Reference) -> anyhow::Result<Vec<Measure>> {
    let Reference::Pictures(real) = real else {
        bail!("--reference: statistics of a network are of no use without it; add --inception");
    };
    halfstep_sample::say!(
        "note: without --inception there is no FID; pixels are compared, which know nothing of what a \
         picture shows"
    );
    let features = |pictures: &Pictures| -> anyhow::Result<Features> {
        let progress = bar(pictures.len() as u64, "images");
        let features = pixel_features(pictures, &mut |count| progress.inc(count as u64))?;
        progress.finish_and_clear();
        Ok(features)
    };
    Ok(of_pixels(&features(generated)?, &features(real)?)?)
}

/// Of so many things.
pub fn bar(length: u64, things: &str) -> ProgressBar {
    let template = format!("{{bar:40}} {{pos}}/{{len}} {things}, {{per_sec}}, {{eta}} left");
    let style = ProgressStyle::with_template(&template);
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
