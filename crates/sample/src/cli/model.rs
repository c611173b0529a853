//! Opening a model folder as the programs do: notes are printed, a device that must be checked is checked.

use std::path::Path;

use anyhow::{Context, bail};
use burn::tensor::Device;
use halfstep_model::{ClassInput, ModelError, ModelFolder, ModelOutline, SelectedDevice};
use halfstep_terminal::say;

use super::args::Args;
use crate::class_names::ClassNames;
use crate::device_agreement::{compare_with_cpu, not_compared};
use crate::error::SampleError;

/// Reads a model folder onto a device and prints its notes ([`ModelOutline::notes`]).
///
/// # Errors
/// [`ModelError`], as [`ModelFolder::load`].
pub fn open_model(dir: &Path, device: &Device) -> Result<ModelFolder, ModelError> {
    load_noted(dir, &ModelOutline::read(dir)?, device)
}

/// [`open_model`] for a folder whose outline is read already.
///
/// # Errors
/// [`ModelError`], as [`ModelOutline::load`].
pub fn load_noted(
    dir: &Path,
    outline: &ModelOutline,
    device: &Device,
) -> Result<ModelFolder, ModelError> {
    for note in &outline.notes {
        say!("note: {} {note}", dir.display());
    }
    outline.load(device)
}

/// [`open_model`], then [`check_drawing`].
///
/// # Errors
/// [`SampleError`].
pub fn open_model_checked(dir: &Path, device: &SelectedDevice) -> Result<ModelFolder, SampleError> {
    let model = open_model(dir, &device.device)?;
    check_drawing(&model, device)?;
    Ok(model)
}

/// Compares the device with the CPU if it must be checked ([`compare_with_cpu`]), and prints the result.
///
/// # Errors
/// As [`compare_with_cpu`].
pub fn check_drawing(model: &ModelFolder, device: &SelectedDevice) -> Result<(), SampleError> {
    if let Some(line) = compare_with_cpu(model, device)? {
        say!("{line}");
    }
    Ok(())
}

/// Prints that nothing checked the device: [`not_compared`].
pub fn say_unchecked(device: &SelectedDevice) {
    say!("{}", not_compared(device));
}

/// `[C, H, W]` of the images of the model at `path`.
pub(super) fn image_shape(path: &Path, model: &ModelFolder) -> anyhow::Result<[usize; 3]> {
    model.image_shape().with_context(|| path.display().to_string())
}

/// The classes of `--class`, or all of the model's in turn; none for an unconditional model.
pub(super) fn classes(args: &Args, model: &ModelFolder) -> anyhow::Result<Vec<u32>> {
    let path = args.model.display();
    let Some(names) = ClassNames::from_model(model) else {
        if !args.class.is_empty() {
            bail!("--class: {path} is an unconditional model");
        }
        return Ok(Vec::new());
    };
    if !args.class.is_empty() {
        let numbers = names.numbers(&args.class).context("--class")?;
        say!("classes, in turn: {}", names.describe(&numbers));
        return Ok(numbers);
    }
    match model.unet.config().class_input() {
        ClassInput::Table(classes) => Ok((0..classes as u32).collect()),
        _ => bail!("{path} accepts any number as a class; choose with --class"),
    }
}
