//! `sample --estimate-gamma`: measures what Analytic-DPM needs to know of a network.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use halfstep_data::Dataset;
use halfstep_model::{ClassInput, DeviceChoice, ModelFolder, SelectedDevice, UNetDenoiser};
use halfstep_sample::{
    ClassNames, GammaError, GammaEstimate, GammaSource, GammaTable, StopFlag, Watch, counted,
    open_model_checked, output,
};

use crate::named_data;
use crate::program::image_shape;

/// What was asked for.
pub struct GammaJob<'a> {
    /// The model folder.
    pub model: &'a Path,
    /// `--estimate-gamma`: a dataset's name, or a folder of pictures.
    pub dataset: &'a str,
    /// `--data-dir`: where a published dataset lies, if not at its usual place.
    pub data_dir: Option<&'a Path>,
    /// `--gamma-samples`: images at every time.
    pub samples: usize,
    /// `--seed`.
    pub seed: u64,
    /// `--batch-size`.
    pub batch_size: usize,
    /// `--device`.
    pub device: DeviceChoice,
    /// `--force`.
    pub force: bool,
}

/// Estimates, or continues, or says that it is done already. The exit code is 0, or 128 + the
/// signal that stopped it.
pub fn run(job: &GammaJob<'_>) -> anyhow::Result<ExitCode> {
    let stop = StopFlag::install().context("cannot watch for Ctrl-C")?;
    run_until(job, &stop)
}

fn run_until(job: &GammaJob<'_>, stop: &StopFlag) -> anyhow::Result<ExitCode> {
    let device = job.device.select()?;
    let model = open_model_checked(job.model, &device)?;
    refuse_student(job, &model)?;
    let shape = image_shape(job.model, &model)?;
    let config = named_data::config(job.dataset, job.data_dir, shape)?;
    output::check_file(&GammaTable::path(job.model))?;
    let dataset = as_learned(&model, halfstep_sample::load_dataset(&config)?);
    refuse_other_data(job, &model, &dataset)?;
    let dataset = match ClassNames::of(&model) {
        Some(classes) => classes.label(dataset)?,
        None => dataset,
    };
    let source = GammaSource::new(job.model, &dataset, job.samples, job.seed)?;
    if is_done(job, &model, &source) {
        halfstep_sample::answer!("{}", GammaTable::path(job.model).display());
        return Ok(ExitCode::SUCCESS);
    }
    let estimate = GammaEstimate {
        model_dir: job.model,
        dataset: &dataset,
        source,
        schedule: &model.schedule,
        shape,
        num_classes: match model.unet.config().class_input() {
            ClassInput::None => None,
            ClassInput::Table(classes) => Some(classes),
            ClassInput::Number => dataset.num_classes(),
        },
        batch_size: job.batch_size,
        device: &device.device,
    };
    announce(job, &estimate, &device);
    match measure(&estimate, &model, stop)? {
        Some(table) => report(job, &table),
        None => {
            halfstep_sample::say!(
                "stopped; what was measured is saved in {}.",
                job.model.display()
            );
            halfstep_sample::say!("run the same command again to continue.");
            return Ok(ExitCode::from(stop.exit_code()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A student was trained at the times of its own grid only.
fn refuse_student(job: &GammaJob<'_>, model: &ModelFolder) -> anyhow::Result<()> {
    if model.halfstep.distilled.is_some() {
        bail!(
            "--estimate-gamma: {} is a student, distilled for deterministic steps on its own grid; \
             Analytic-DPM needs a network that knows every time, such as its teacher",
            job.model.display()
        );
    }
    Ok(())
}

/// With the classes as they were numbered when the model learned them, if it says from which images.
fn as_learned(model: &ModelFolder, dataset: Dataset) -> Dataset {
    match model.halfstep.provenance.dataset_sha256.as_str() {
        "" => dataset,
        learned => dataset.known_as(learned),
    }
}

/// Gamma is an expectation over the data that the network learned.
fn refuse_other_data(
    job: &GammaJob<'_>,
    model: &ModelFolder,
    dataset: &Dataset,
) -> anyhow::Result<()> {
    let learned = &model.halfstep.provenance;
    let same = learned.dataset_sha256.is_empty() || learned.dataset_sha256 == dataset.sha256();
    if !same && !job.force {
        bail!(
            "--estimate-gamma {}: {} was trained on other images ({}); Gamma is to be measured on \
             those. Name them, or add --force",
            job.dataset,
            job.model.display(),
            learned.dataset
        );
    }
    Ok(())
}

/// Whether the table is there already. One that cannot be used is replaced, and that is said.
fn is_done(job: &GammaJob<'_>, model: &ModelFolder, source: &GammaSource) -> bool {
    let path = GammaTable::path(job.model);
    if !path.exists() {
        return false;
    }
    let problem = match GammaTable::load(job.model, &model.schedule) {
        Ok(table) => source.difference(&table.source),
        Err(GammaError::OtherWeights { .. }) => Some("it is of other weights".to_owned()),
        Err(_) => Some("it cannot be read".to_owned()),
    };
    match problem {
        None => halfstep_sample::say!("{} is estimated already; nothing was done.", path.display()),
        Some(ref problem) => {
            halfstep_sample::say!("{} will be replaced: {problem}.", path.display())
        }
    }
    problem.is_none()
}

fn announce(job: &GammaJob<'_>, estimate: &GammaEstimate<'_>, device: &SelectedDevice) {
    let (times, samples) = (estimate.schedule.len(), job.samples);
    let calls = times * samples.div_ceil(job.batch_size.max(1));
    halfstep_sample::say!(
        "estimating Gamma of {} at {} from {} of {} each: {} in {}, seed {}, on {}",
        job.model.display(),
        counted(times, "time"),
        counted(samples, "image"),
        estimate.dataset.name(),
        counted(times * samples, "image"),
        counted(calls, "network call"),
        job.seed,
        device.description
    );
}

fn measure(
    estimate: &GammaEstimate<'_>,
    model: &ModelFolder,
    stop: &StopFlag,
) -> anyhow::Result<Option<GammaTable>> {
    let mut watch = Watch::new("images");
    let table = estimate.run(
        &|labels| Ok(Box::new(UNetDenoiser::new(&model.unet, model.prediction_type(), labels)?)),
        &mut |done, total| {
            watch.show(done, total);
            if stop.is_raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
    );
    drop(watch);
    Ok(table?)
}

fn report(job: &GammaJob<'_>, table: &GammaTable) {
    halfstep_sample::answer!("{}", GammaTable::path(job.model).display());
    halfstep_sample::say!(
        "largest standard error: {:.2} % of its value; E|eps_hat|^2/d exceeds 1 at {} of {} times",
        100.0 * table.largest_relative_error(),
        table.divided(),
        table.eps_norm2.len()
    );
    if table.divided() > 0 {
        halfstep_sample::say!(
            "(no exact network exceeds 1: variances there are clamped, the optimal trajectory avoids \
             these times)"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use burn::tensor::Device;
    use halfstep_core::{PredictionType, ScheduleConfig, ScheduleName};
    use halfstep_model::{
        BlockType, DeviceBackend, Distilled, HalfstepFile, ImageSize, SchedulerConfig, UNet,
        UNetConfig,
    };

    use super::*;

    /// A model of 8x8 grey images and 16 times, with weights that are all zero.
    fn save_model(dir: &Path, distilled: Option<Distilled>) -> PathBuf {
        let config = UNetConfig {
            sample_size: Some(ImageSize::Square(8)),
            in_channels: 1,
            out_channels: 1,
            block_out_channels: vec![4, 8],
            down_block_types: vec![BlockType::DownBlock2D; 2],
            up_block_types: vec![BlockType::UpBlock2D; 2],
            layers_per_block: 1,
            norm_num_groups: 4,
            ..UNetConfig::default()
        };
        let named = ScheduleConfig {
            zero_terminal_snr: true,
            train_timesteps: 16,
            ..ScheduleConfig::new(ScheduleName::Cosine)
        };
        let schedule = named.build().unwrap();
        let model = ModelFolder {
            unet: UNet::zeroed(&config, &Device::flex()).unwrap(),
            scheduler: SchedulerConfig::from_schedule(&schedule, PredictionType::VPrediction),
            schedule,
            halfstep: HalfstepFile { schedule: Some(named), distilled, ..HalfstepFile::default() },
        };
        let path = dir.join("model");
        model.save(&path).unwrap();
        path
    }

    fn job(model: &Path) -> GammaJob<'_> {
        GammaJob {
            model,
            dataset: "digits",
            data_dir: None,
            samples: 12,
            seed: 0,
            batch_size: 5,
            force: false,
            device: DeviceBackend::Cpu.into(),
        }
    }

    #[test]
    fn it_stops_continues_finishes_and_is_finished() {
        let dir = tempfile::tempdir().unwrap();
        let model = save_model(dir.path(), None);
        let (raised, stop) = (StopFlag::default(), StopFlag::default());
        raised.raise();
        assert_eq!(run_until(&job(&model), &raised).unwrap(), ExitCode::from(130));
        assert!(!model.join("gamma.json").exists() && model.join("gamma.partial.json").exists());
        assert_eq!(run_until(&job(&model), &stop).unwrap(), ExitCode::SUCCESS);
        let table = GammaTable::read(&model).unwrap();
        assert!(!model.join("gamma.partial.json").exists());
        // With v = 0 the noise estimate is sigma z, and E|z|^2 is between 0.5 and 1 for digits.
        assert!(table.eps_norm2.is_sorted() && table.eps_norm2.len() == 16, "{table:?}");
        assert!((table.eps_norm2[15] - 1.0).abs() < 1e-6, "{table:?}");

        // Finished: even a raised flag has nothing to stop.
        assert_eq!(run_until(&job(&model), &raised).unwrap(), ExitCode::SUCCESS);
        assert_eq!(GammaTable::read(&model).unwrap(), table);
        run_until(&GammaJob { seed: 1, ..job(&model) }, &stop).unwrap();
        assert_eq!(GammaTable::read(&model).unwrap().source.seed, 1);
        std::fs::write(model.join("gamma.json"), "{").unwrap();
        run_until(&job(&model), &stop).unwrap();
        assert_eq!(GammaTable::read(&model).unwrap(), table);
    }

    #[test]
    fn students_and_other_images_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let model = save_model(dir.path(), Some(Distilled { num_steps: 1, timesteps: vec![15] }));
        let message = run_until(&job(&model), &StopFlag::default()).unwrap_err().to_string();
        assert!(message.contains("is a student"), "{message}");
        let model = save_model(dir.path(), None);
        let other = GammaJob { dataset: "cifar10", ..job(&model) };
        let message = run_until(&other, &StopFlag::default()).unwrap_err().to_string();
        assert!(message.contains("[3, 32, 32]") && message.contains("[1, 8, 8]"), "{message}");
        assert!(!model.join("gamma.partial.json").exists());
    }
}
