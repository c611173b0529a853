//! The feature extractor that the command line names, compared with the CPU where that is needed.

use std::path::Path;

use anyhow::Context;
use burn::tensor::Device;
use halfstep_core::counted;
use halfstep_core::rng::{Purpose, noise};
use halfstep_model::DeviceBackend;
use halfstep_sample::cli::say_unchecked;
use halfstep_sample::{largest, relative_difference, verdict};

use super::advice::advise;
use super::session::Session;
use crate::error::EvalError;
use crate::evaluation::{EvaluatedImages, Evaluator, ReferenceData};
use crate::features::{FeatureExtractor, INCEPTION};
use crate::images::ImageSet;
use crate::progress::OnProgress;

/// Side and number of the images with which a device is checked. They are grey: every network takes them.
const CHECKED_SIDE: usize = 32;
const CHECKED_IMAGES: usize = 2;

/// `--features`, `--inception`, or the pixels of both sides.
pub(super) fn extractor(
    session: &Session<'_>,
    generated: &EvaluatedImages<'_>,
    real: &ReferenceData,
) -> anyhow::Result<FeatureExtractor> {
    if let Some(path) = &session.args.features {
        let load = |device: &Device| FeatureExtractor::user_network(path, device);
        let extractor = load(&session.context.device.device).context("--features")?;
        note_weights(&extractor, path);
        check_device(session, &extractor, load)?;
        return Ok(extractor);
    }
    match session.args.inception.as_deref() {
        None => {
            let channels = generated.common_channels(real).map_err(advise)?;
            Ok(FeatureExtractor::Pixels { channels })
        }
        Some(path) if path == Path::new("download") => {
            let dir = session.cache_dir.join("weights");
            INCEPTION.ensure(&dir, &mut halfstep_data::cli::show_progress())?;
            INCEPTION.verified(&dir, &INCEPTION.files[0])?;
            inception(session, &dir.join(INCEPTION.files[0].name))
        }
        Some(path) => {
            let extractor = inception(session, path).context("--inception")?;
            if !extractor.is_published_inception() {
                halfstep_terminal::say!(
                    "note: {} is not the published {} byte for byte (a safetensors file never is); the scores are \
                     FID and KID only if its tensors are the same",
                    path.display(),
                    INCEPTION.files[0].name
                );
            }
            Ok(extractor)
        }
    }
}

fn inception(session: &Session<'_>, path: &Path) -> anyhow::Result<FeatureExtractor> {
    let load = |device: &Device| FeatureExtractor::inception(path, device);
    let extractor = load(&session.context.device.device)?;
    note_weights(&extractor, path);
    check_device(session, &extractor, load)?;
    Ok(extractor)
}

fn note_weights(extractor: &FeatureExtractor, path: &Path) {
    let path = match extractor {
        FeatureExtractor::UserNetwork { network, .. } => network.weights(),
        FeatureExtractor::Inception { .. } | FeatureExtractor::Pixels { .. } => path,
    };
    if let Some(note) = extractor.note() {
        halfstep_terminal::say!("note: {} {note}", path.display());
    }
}

/// Compares features computed on the device with features computed on the CPU, if the device needs that, and prints
/// the result.
fn check_device(
    session: &Session<'_>,
    extractor: &FeatureExtractor,
    load: impl Fn(&Device) -> Result<FeatureExtractor, EvalError>,
) -> anyhow::Result<()> {
    let device = &session.context.device;
    if !device.must_be_checked() {
        return Ok(());
    }
    let Ok(cpu) = DeviceBackend::Cpu.select() else {
        say_unchecked(device);
        return Ok(());
    };
    let values =
        noise(0, Purpose::Evaluation, 0..CHECKED_IMAGES as u64, CHECKED_SIDE * CHECKED_SIDE);
    let bytes = values.into_iter().map(|value| (128.0 + 40.0 * value) as u8).collect();
    let images = ImageSet::from_bytes("noise".to_owned(), bytes, [CHECKED_SIDE, CHECKED_SIDE, 1])?;
    let go_on: &mut OnProgress<'_> = &mut |_| std::ops::ControlFlow::Continue(());
    let found = extractor.extract(&images, CHECKED_IMAGES, go_on)?.features.into_values();
    let on_cpu = load(&cpu.device)?;
    let expected = on_cpu.extract(&images, CHECKED_IMAGES, go_on)?.features.into_values();
    let difference = relative_difference(&found, &expected, largest(&expected));
    halfstep_terminal::say!("{}", verdict(device, "features", difference)?);
    Ok(())
}

/// The evaluator against `real`, whose features are extracted now.
pub(super) fn evaluator<'a>(
    session: &Session<'a>,
    extractor: FeatureExtractor,
    real: ReferenceData,
) -> anyhow::Result<Evaluator<'a>> {
    if let ReferenceData::Images(images) = &real {
        halfstep_terminal::say!("{} of {}", counted(images.len(), "image"), images.name());
    }
    Evaluator::new(extractor, real, session.context).map_err(advise)
}
