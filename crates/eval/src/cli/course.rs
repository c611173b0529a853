//! How far images have come along their steps.

use std::ops::{ControlFlow, Range};

use crate::EvalError;
use halfstep_sample::Watch;

use crate::cli::job::{Job, Stopped};

/// Batches of images that each take the same number of steps.
pub struct Course<'a> {
    watch: Watch,
    job: &'a Job,
    images: Range<usize>,
    steps: usize,
}

impl<'a> Course<'a> {
    /// Of these images, in so many steps.
    pub fn new(images: Range<usize>, steps: usize, job: &'a Job) -> Self {
        Self { watch: Watch::new("steps of images"), job, images, steps }
    }

    /// Whose images they are.
    pub fn job(&self) -> &'a Job {
        self.job
    }

    /// What is to be told how many steps a batch has taken, and says whether to stop. All images before it
    /// are done.
    pub fn batch(&mut self, which: &Range<usize>) -> impl FnMut(usize) -> ControlFlow<()> {
        let total = (self.images.len() * self.steps) as u64;
        let before = ((which.start - self.images.start) * self.steps) as u64;
        let images = which.len();
        self.watch.show(before, total);
        move |step| {
            self.watch.show(before + (images * step) as u64, total);
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
