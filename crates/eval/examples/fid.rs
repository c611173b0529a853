//! FID and its companions between two folders of pictures.
//!
//! `cargo run -p eval --example fid -- GENERATED REAL pt_inception-2015-12-05-6726825d.pth`

use std::path::PathBuf;

use halfstep_eval::{
    EvalContext, EvaluatedImages, Evaluator, FeatureExtractor, ImageSet, ReferenceData,
};
use halfstep_model::DeviceChoice;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [generated, real, weights] = paths.as_slice() else {
        return Err("usage: fid GENERATED REAL WEIGHTS".into());
    };
    let context = EvalContext::new(DeviceChoice::default().select()?);
    let inception = FeatureExtractor::inception(weights, &context.device.device)?;
    let real = ReferenceData::Images(ImageSet::from_folder(real)?);
    let evaluator = Evaluator::new(inception, real, &context)?;
    let generated = EvaluatedImages::stored(ImageSet::from_folder(generated)?)?;
    for score in evaluator.scores(&generated)? {
        println!("{:<16} {:.4}", score.metric.title, score.value);
    }
    Ok(())
}
