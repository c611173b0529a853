//! What every part of the program is given.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Context;
use halfstep_model::{ModelFolder, ModelOutline, SelectedDevice};
use halfstep_sample::{StopFlag, check_drawing, load_noted, select_device};

use crate::cli::args::Args;
use crate::evaluation::cache::Cache;

/// Where it runs, what it keeps, and whether to stop.
pub struct Job {
    pub device: SelectedDevice,
    pub cache: Cache,
    pub stop: StopFlag,
    pub batch_size: usize,
    pub seed: u64,
    /// Whether the device has shown what it draws.
    checked: Cell<bool>,
}

/// Asked to, by Ctrl-C or SIGTERM.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub struct Stopped;

impl Job {
    pub fn of(args: &Args) -> anyhow::Result<Self> {
        Ok(Self {
            device: select_device(args.device)?,
            cache: Cache::open(args.cache.as_deref())?,
            stop: StopFlag::install().context("cannot watch for Ctrl-C")?,
            batch_size: args.batch_size as usize,
            seed: args.seed,
            checked: Cell::new(false),
        })
    }

    /// The model of a folder, on the device. What its user should know is said; with the first one the device is
    /// checked.
    pub fn open(&self, dir: &Path, outline: &ModelOutline) -> anyhow::Result<ModelFolder> {
        let model = load_noted(dir, outline, &self.device.device)?;
        if !self.checked.replace(true) {
            check_drawing(&model, &self.device)?;
        }
        Ok(model)
    }

    /// [`Stopped`] once the flag is raised.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.stop.is_raised() { Err(Stopped.into()) } else { Ok(()) }
    }

    /// A break once the flag is raised.
    pub fn flow(&self) -> ControlFlow<()> {
        if self.stop.is_raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
