//! What all parts of the program share.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use anyhow::Context;
use etcetera::BaseStrategy;
use halfstep_model::{ModelFolder, ModelOutline};
use halfstep_sample::cli::{check_drawing, load_noted};
use halfstep_sample::output::check_dir;

use super::advice::advise;
use super::args::Args;
use crate::evaluation::{EvalCache, EvalContext, SampledModel};
use crate::progress::EvalObserver;

/// The command line and the settings that follow from it.
pub(super) struct Session<'a> {
    pub args: &'a Args,
    pub context: &'a EvalContext<'a>,
    /// Folder of intermediate results.
    pub cache_dir: PathBuf,
    /// Whether the device was compared with the CPU.
    device_checked: Cell<bool>,
}

/// The evaluation settings of the command line, and the folder of the cache.
pub(super) fn context<'a>(
    args: &Args,
    observer: &'a dyn EvalObserver,
) -> anyhow::Result<(EvalContext<'a>, PathBuf)> {
    let device = halfstep_terminal::select_device(args.device)?;
    let dir = match &args.cache {
        Some(dir) => dir.clone(),
        None => default_cache_dir()
            .context("this system has no cache folder for intermediate results; add --cache DIR")?,
    };
    check_dir(&dir).context("--cache")?;
    let context = EvalContext {
        device,
        cache: Some(EvalCache::new(dir.clone())),
        batch_size: args.batch_size as usize,
        seed: args.seed,
        observer,
    };
    Ok((context, dir))
}

/// `halfstep/eval` in the user's cache folder.
fn default_cache_dir() -> Option<PathBuf> {
    let places = etcetera::choose_base_strategy().ok()?;
    Some(places.cache_dir().join("halfstep").join("eval"))
}

impl<'a> Session<'a> {
    pub fn new(args: &'a Args, context: &'a EvalContext<'a>, cache_dir: PathBuf) -> Self {
        Self { args, context, cache_dir, device_checked: Cell::new(false) }
    }

    /// Reads a model folder onto the device and prints its notes. The first model is used to compare the device
    /// with the CPU.
    pub fn load(&self, dir: &Path, outline: &ModelOutline) -> anyhow::Result<ModelFolder> {
        let device = &self.context.device;
        let model = load_noted(dir, outline, &device.device)?;
        if !self.device_checked.replace(true) {
            check_drawing(&model, device)?;
        }
        Ok(model)
    }

    /// Reads a model folder to sample images from.
    pub fn sampled_model(&self, dir: &Path) -> anyhow::Result<SampledModel> {
        let outline = ModelOutline::read(dir)?;
        let model = self.load(dir, &outline)?;
        SampledModel::new(dir, model, outline.sha256()?).map_err(advise)
    }
}
