//! How far images have come along their steps.

use std::ops::ControlFlow;

use halfstep_eval::EvalError;
use halfstep_sample::Watch;

use crate::job::{Job, Stopped};

/// Batches of images that each take the same number of steps.
pub struct Course<'a> {
    watch: Watch,
    job: &'a Job,
    steps: usize,
    total: u64,
    /// Steps of the images of the batches before.
    before: u64,
}

impl<'a> Course<'a> {
    /// Of so many images and steps.
    pub fn new(images: usize, steps: usize, job: &'a Job) -> Self {
        let watch = Watch::new("steps of images");
        Self { watch, job, steps, total: (images * steps) as u64, before: 0 }
    }

    /// Whose images they are.
    pub fn job(&self) -> &'a Job {
        self.job
    }

    /// The next batch costs no time.
    pub fn skip(&mut self, images: usize) {
        self.before += (images * self.steps) as u64;
    }

    /// What is to be told how many steps the images of the next batch have taken, and says whether to stop.
    pub fn batch(&mut self, images: usize) -> impl FnMut(usize) -> ControlFlow<()> {
        let before = self.before;
        self.before += (images * self.steps) as u64;
        self.watch.show(before, self.total);
        move |step| {
            self.watch.show(before + (images * step) as u64, self.total);
            self.job.flow()
        }
    }
}

/// [`Stopped`] for what was stopped.
pub fn or_stopped<T>(result: Result<T, EvalError>) -> anyhow::Result<T> {
    result.map_err(|error| match error {
        EvalError::Stopped => Stopped.into(),
        error => error.into(),
    })
}
