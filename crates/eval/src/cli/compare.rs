//! One set of images against another.

use std::path::Path;

use crate::Pictures;
use anyhow::{Context, bail};
use halfstep_run::SweepMeasure;
use halfstep_sample::{counted, output};
use serde_json::{Value, json};

use crate::cli::args::Args;
use crate::cli::as_trained::{Generated, read_as_trained};
use crate::cli::job::Job;
use crate::evaluation::images::{Reference, Side, pictures, reference};
use crate::evaluation::judge::{Court, Judge};
use crate::evaluation::sampling::Drawn;
use crate::metrics::counts;
use crate::metrics::score::{Measure, table, to_json};

/// Fewer images than this bias a Frechet distance of 2048 features by more than what is compared.
const ENOUGH: usize = 10_000;
/// Images drawn of a model if nobody says how many.
const DRAWN: usize = 10_000;

pub fn run(args: &Args, job: &Job) -> anyhow::Result<()> {
    let name = args.reference.as_deref().context("--reference is missing")?;
    let mut real = part(reference(args, name)?, args)?;
    let count = args.count.map(|count| count as usize);
    let drawn; // outlives the side
    let generated = match (&args.samples, &args.model) {
        (Some(path), _) => {
            let mut samples = samples(path, count)?;
            if args.as_trained {
                read_as_trained(Generated::Kept(&mut samples), &mut real)?;
            }
            Side::kept(samples)?
        }
        (None, Some(dir)) => {
            drawn = Drawn::load(dir, job).context("--model")?;
            if args.as_trained {
                read_as_trained(Generated::Drawn(drawn.shape), &mut real)?;
            }
            let way = drawn.way(args.sampler, args.steps.map(|steps| steps as usize))?;
            Side::Drawn { of: &drawn, way, count: count.unwrap_or(DRAWN) }
        }
        (None, None) => bail!("--samples or --model is missing"),
    };
    let real_images = real.len();
    let judge = Judge::of(args, &generated, &real, job)?;
    note(&judge, generated.len(), real_images)?;
    note_sizes(&generated, &real)?;
    let court = Court::open(judge, real, job)?;
    halfstep_sample::say!("{} of {}", counted(generated.len(), "image"), generated.name());
    let measures = court.measures(&generated, job)?;
    halfstep_sample::answer!("{}", table(&measures).trim_end());
    if let Some(path) = &args.json {
        let text = as_json(&measures, generated.len(), real_images).to_string();
        output::write_file(path, text.as_bytes())?;
    }
    Ok(())
}

/// `--samples` and `--count`
fn samples(path: &Path, count: Option<usize>) -> anyhow::Result<Pictures> {
    let pictures = pictures(path).context("--samples")?;
    match count {
        Some(count) if count > pictures.len() => {
            bail!("--count {count}: {} has {} images", pictures.name(), pictures.len())
        }
        Some(count) => Ok(pictures.spread(count)),
        None => Ok(pictures),
    }
}

/// `--reference-count`
pub fn part(reference: Reference, args: &Args) -> anyhow::Result<Reference> {
    let Some(count) = args.reference_count.map(|count| count as usize) else {
        return Ok(reference);
    };
    match reference {
        Reference::Pictures(pictures) if count > pictures.len() => {
            bail!(
                "--reference-count {count}: {} has {}",
                pictures.name(),
                counted(pictures.len(), "image")
            )
        }
        Reference::Pictures(pictures) => Ok(Reference::Pictures(pictures.spread(count))),
        Reference::Statistics(_) => {
            bail!("--reference-count: --reference has statistics and no images; leave it out")
        }
    }
}

/// What has to be known of the numbers before they are read, and before anything is drawn for them: what
/// `generated` images and `real` ones are too few for. An error if they are too few for any distance.
pub fn note(judge: &Judge, generated: usize, real: Option<usize>) -> anyhow::Result<()> {
    for line in counts::missing(judge.measure(), generated, real)? {
        halfstep_sample::say!("note: {line}");
    }
    let fewest = generated.min(real.unwrap_or(usize::MAX));
    match judge.measure() {
        SweepMeasure::PixelFrechet => halfstep_sample::say!(
            "note: without --inception there is no FID; pixels are compared, which know nothing of what a \
             picture shows"
        ),
        SweepMeasure::FeatureFrechet => halfstep_sample::say!(
            "note: these are distances between features of {}, not FID; they compare with nothing but \
             themselves",
            judge.network().unwrap_or_default()
        ),
        SweepMeasure::Fid if fewest < ENOUGH => halfstep_sample::say!(
            "note: an FID of {fewest} images is larger than one of many; the field compares 50000 with the \
             whole dataset"
        ),
        SweepMeasure::Fid => {}
    }
    Ok(())
}

/// Networks take images of any size, and stretch them to their own.
pub fn note_sizes(generated: &Side<'_>, real: &Reference) -> anyhow::Result<()> {
    let (name, ours) = (generated.name(), generated.sizes()?);
    let line = match real {
        Reference::Statistics(_) if ours.only().is_some() => return Ok(()),
        Reference::Statistics(_) => {
            format!("{name} has images of {ours}: each is stretched to the network's size")
        }
        Reference::Pictures(real) => {
            let theirs = real.sizes()?;
            if ours.only().is_some() && ours == theirs {
                return Ok(());
            }
            let advice = match real.is_folder() || generated.is_folder() {
                true => {
                    ". Training cuts out the central square of each picture and resizes it; --as-trained \
                     reads a folder in the same way"
                }
                false => "",
            };
            format!(
                "{name} has images of {ours}, {} of {theirs}: each is stretched to the network's size{advice}",
                real.name()
            )
        }
    };
    halfstep_sample::say!("note: {line}");
    Ok(())
}

fn as_json(measures: &[Measure], generated: usize, real: Option<usize>) -> Value {
    let mut fields = to_json(measures);
    fields.insert("generated_images".to_owned(), json!(generated));
    fields.insert("real_images".to_owned(), json!(real));
    Value::Object(fields)
}
