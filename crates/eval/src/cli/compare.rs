//! Scores of one set of images against another.

use anyhow::{Context, bail};
use halfstep_core::counted;
use serde_json::{Value, json};

use super::advice::advise;
use super::as_trained::{GeneratedSide, read_as_trained};
use super::extractor::{evaluator, extractor};
use super::session::Session;
use super::{inputs, notes, output};
use crate::evaluation::EvaluatedImages;
use crate::metrics::{Score, scores_to_json};

/// Default number of images sampled from a model.
const DEFAULT_COUNT: usize = 10_000;

pub(super) fn run(session: &Session<'_>) -> anyhow::Result<()> {
    let args = session.args;
    let name = args.reference.as_deref().context("--reference is missing")?;
    let mut real = inputs::reference(args, name)?;
    let count = args.count.map(|count| count as usize);
    let model; // outlives the images
    let generated = match (&args.samples, &args.model) {
        (Some(path), _) => {
            let mut samples = inputs::samples(path, count)?;
            if args.as_trained {
                read_as_trained(GeneratedSide::Stored(&mut samples), &mut real)?;
            }
            EvaluatedImages::stored(samples)?
        }
        (None, Some(dir)) => {
            model = session.sampled_model(dir).context("--model")?;
            if args.as_trained {
                read_as_trained(GeneratedSide::Sampled(model.shape()), &mut real)?;
            }
            let steps = args.steps.map(|steps| steps as usize);
            let setup = model.setup(args.sampler, steps).map_err(advise)?;
            EvaluatedImages::sampled(&model, setup, count.unwrap_or(DEFAULT_COUNT))
        }
        (None, None) => bail!("--samples or --model is missing"),
    };
    let real_images = real.image_count();
    let extractor = extractor(session, &generated, &real)?;
    notes::print_limits(&extractor, generated.len(), real_images)?;
    notes::print_sizes(&generated, &real)?;
    let evaluator = evaluator(session, extractor, real)?;
    halfstep_terminal::say!("{} of {}", counted(generated.len(), "image"), generated.name());
    let scores = evaluator.scores(&generated).map_err(advise)?;
    halfstep_terminal::answer!("{}", output::score_table(&scores).trim_end());
    let json = as_json(&scores, generated.len(), real_images).to_string();
    output::write_json(args.json.as_deref(), &json)
}

fn as_json(scores: &[Score], generated: usize, real: Option<usize>) -> Value {
    let mut fields = scores_to_json(scores);
    fields.insert("generated_images".to_owned(), json!(generated));
    fields.insert("real_images".to_owned(), json!(real));
    Value::Object(fields)
}
