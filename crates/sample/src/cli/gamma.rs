//! `sample --estimate-gamma`: measures what Analytic-DPM needs to know of a network.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use halfstep_core::{StopFlag, counted};
use halfstep_data::Dataset;
use halfstep_files::check_file;
use halfstep_model::{ClassInput, DeviceChoice, ModelFolder, NetworkDenoiser, SelectedDevice};
use halfstep_terminal::{ProgressLine, StopSignal, answer, say, select_device};

use super::args::Args;
use super::dataset::load_dataset;
use super::model::{image_shape, open_model_checked};
use super::named_data;
use crate::analytic::{GammaError, GammaEstimate, GammaSource, GammaTable};
use crate::class_names::ClassNames;

/// The flags of an estimate.
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

impl<'a> GammaJob<'a> {
    /// Over the dataset of `--estimate-gamma`.
    pub fn new(args: &'a Args, dataset: &'a str) -> Self {
        Self {
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
}

/// Estimates, or continues an estimate; does nothing if the table is there already. The exit code is 0, or 128 +
/// the signal that stopped it.
pub fn run(job: &GammaJob<'_>) -> anyhow::Result<ExitCode> {
    let stop = StopSignal::install().context("cannot watch for Ctrl-C")?;
    run_until(job, &stop)
}

fn run_until(job: &GammaJob<'_>, stop: &StopSignal) -> anyhow::Result<ExitCode> {
    let device = select_device(job.device)?;
    let model = open_model_checked(job.model, &device)?;
    refuse_student(job, &model)?;
    let shape = image_shape(job.model, &model)?;
    let config = named_data::config(job.dataset, job.data_dir, shape)?;
    check_file(&GammaTable::path(job.model))?;
    let dataset = as_learned(&model, load_dataset(&config, false)?);
    refuse_other_data(job, &model, &dataset)?;
    let dataset = match ClassNames::from_model(&model) {
        Some(classes) => classes.label(dataset)?,
        None => dataset,
    };
    let source = GammaSource::new(job.model, &dataset, job.samples, job.seed)?;
    if is_done(job, &model, &source) {
        answer!("{}", GammaTable::path(job.model).display());
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
            say!("stopped; what was measured is saved in {}.", job.model.display());
            say!("run the same command again to continue.");
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
             Analytic-DPM needs a network trained at every time, such as its teacher",
            job.model.display()
        );
    }
    Ok(())
}

/// The dataset with the classes numbered as the model learned them, if the model records its images.
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
            "--estimate-gamma {}: {} was trained on {}, and Gamma must be measured on the training data. Name that \
             dataset, or add --force",
            job.dataset,
            job.model.display(),
            learned.dataset
        );
    }
    Ok(())
}

/// Whether the table is there already. One that cannot be used will be replaced, with a note.
fn is_done(job: &GammaJob<'_>, model: &ModelFolder, source: &GammaSource) -> bool {
    let path = GammaTable::path(job.model);
    if !path.exists() {
        return false;
    }
    let problem = match GammaTable::load(job.model, &model.schedule) {
        Ok(table) => source.difference(&table.source),
        Err(GammaError::OtherWeights { .. }) => Some("it was made with other weights".to_owned()),
        Err(_) => Some("it cannot be read".to_owned()),
    };
    match problem {
        None => say!("{} is estimated already; nothing was done.", path.display()),
        Some(ref problem) => {
            say!("{} will be replaced: {problem}.", path.display())
        }
    }
    problem.is_none()
}

fn announce(job: &GammaJob<'_>, estimate: &GammaEstimate<'_>, device: &SelectedDevice) {
    let (times, samples) = (estimate.schedule.len(), job.samples);
    let calls = times * samples.div_ceil(job.batch_size.max(1));
    say!(
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
    let mut line = ProgressLine::new("images");
    let table = estimate.run(
        &|labels| Ok(Box::new(NetworkDenoiser::new(&model.unet, model.prediction_type(), labels)?)),
        &mut |done, total| {
            line.show(done, total);
            if stop.is_raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
    );
    drop(line);
    Ok(table?)
}

fn report(job: &GammaJob<'_>, table: &GammaTable) {
    answer!("{}", GammaTable::path(job.model).display());
    say!(
        "largest standard error: {:.2} % of its value; E|eps_hat|^2/d exceeds 1 at {} of {} times",
        100.0 * table.largest_relative_error(),
        table.divided(),
        table.eps_norm2.len()
    );
    if table.divided() > 0 {
        say!(
            "(no exact network exceeds 1: variances there are clamped, the optimal trajectory avoids \
             these times)"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use halfstep_model::{DeviceBackend, Distilled};

    use super::*;
    use crate::testing::zeroed_model;

    fn save_model(dir: &Path, distilled: Option<Distilled>) -> PathBuf {
        let path = dir.join("model");
        zeroed_model(distilled).save(&path).unwrap();
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
        let (raised, stop) = (StopSignal::default(), StopSignal::default());
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
        let message = run_until(&job(&model), &StopSignal::default()).unwrap_err().to_string();
        assert!(message.contains("is a student"), "{message}");
        let model = save_model(dir.path(), None);
        let other = GammaJob { dataset: "cifar10", ..job(&model) };
        let message = run_until(&other, &StopSignal::default()).unwrap_err().to_string();
        assert!(message.contains("[3, 32, 32]") && message.contains("[1, 8, 8]"), "{message}");
        assert!(!model.join("gamma.partial.json").exists());
    }
}
