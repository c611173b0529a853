//! The model: read from its folder, or built from a run's configuration with random weights.

use std::path::Path;

use anyhow::{Context, bail};
use burn::tensor::Device;
use halfstep_model::{HalfstepFile, ModelFolder, SchedulerConfig};
use halfstep_train::{Job, drawn_network};

/// The model of `--model` or `--config`; exactly one of them must be given.
pub fn load(
    folder: Option<&Path>,
    config: Option<&Path>,
    device: &Device,
) -> anyhow::Result<ModelFolder> {
    match (folder, config) {
        (Some(folder), None) => Ok(ModelFolder::load(folder, device)?),
        (None, Some(config)) => drawn(config, device),
        _ => bail!("give either --model or --config"),
    }
}

/// The network that a configuration describes, with random weights, none of them zero.
fn drawn(config: &Path, device: &Device) -> anyhow::Result<ModelFolder> {
    let job = Job::load(config, &[])?;
    let outline =
        job.data()?.outline().context("--config: its data must be a published dataset")?;
    let config = &job.config;
    let unet = config.network(outline.shape, outline.num_classes)?;
    let schedule = config.schedule.clone();
    Ok(ModelFolder {
        unet: drawn_network(&unet, config.seed, device)?,
        scheduler: SchedulerConfig::from_schedule(&schedule, config.teacher.prediction_type),
        schedule,
        halfstep: HalfstepFile {
            schedule: config.settings.schedule.clone(),
            ..HalfstepFile::default()
        },
    })
}
