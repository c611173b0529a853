//! One set of images against another.

use anyhow::{Context, bail};
use halfstep_sample::{counted, output};
use halfstep_train::SweepMeasure;
use serde_json::{Value, json};

use crate::args::Args;
use crate::drawing::Drawn;
use crate::job::Job;
use crate::judge::{Court, Judge};
use crate::measures::{Measure, table, to_json};
use crate::sides::{Reference, Side, pictures, reference};

/// Fewer images than this bias a Frechet distance of 2048 features by more than what is compared.
const ENOUGH: usize = 10_000;
/// Images drawn of a model if nobody says how many.
const DRAWN: usize = 10_000;

pub fn run(args: &Args, job: &Job) -> anyhow::Result<()> {
    let name = args.reference.as_deref().context("--reference is missing")?;
    let real = part(reference(args, name)?, args)?;
    let count = args.count.map(|count| count as usize);
    let drawn; // outlives the side
    let generated = match (&args.samples, &args.model) {
        (Some(path), _) => {
            let pictures = pictures(path).context("--samples")?;
            let count = count.unwrap_or(pictures.len());
            if count > pictures.len() {
                bail!(
                    "--count {count}: {} has {}",
                    pictures.name(),
                    counted(pictures.len(), "image")
                );
            }
            Side::kept(pictures.spread(count))?
        }
        (None, Some(dir)) => {
            drawn = Drawn::load(dir, job).context("--model")?;
            let way = drawn.way(args.sampler, args.steps.map(|steps| steps as usize))?;
            Side::Drawn { of: &drawn, way, count: count.unwrap_or(DRAWN) }
        }
        (None, None) => bail!("--samples or --model is missing"),
    };
    let real_images = match &real {
        Reference::Pictures(real) => Some(real.len()),
        Reference::Statistics(_) => None,
    };
    let judge = Judge::of(args, &generated, &real, job)?;
    note(&judge, generated.len().min(real_images.unwrap_or(usize::MAX)));
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

/// What has to be known of the numbers before they are read.
pub fn note(judge: &Judge, fewest: usize) {
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
}

/// Networks take images of any size, and stretch them to their own.
pub fn note_sizes(generated: &Side<'_>, real: &Reference) -> anyhow::Result<()> {
    if let Reference::Pictures(pictures) = real {
        let (ours, theirs) = (generated.sides()?, pictures.sides()?);
        if ours != theirs {
            halfstep_sample::say!(
                "note: {} has images of {}x{}, {} of {}x{}: each is \
                 stretched to the network's size. Training cuts out the central square and resizes it; do \
                 the same if that is what is to be compared",
                pictures.name(),
                theirs[0],
                theirs[1],
                generated.name(),
                ours[0],
                ours[1]
            );
        }
    }
    Ok(())
}

fn as_json(measures: &[Measure], generated: usize, real: Option<usize>) -> Value {
    let mut fields = to_json(measures);
    fields.insert("generated_images".to_owned(), json!(generated));
    fields.insert("real_images".to_owned(), json!(real));
    Value::Object(fields)
}
