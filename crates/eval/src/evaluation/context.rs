//! What all parts of an evaluation share: device, cache, batch size, seed and observer.

use std::ops::{ControlFlow, Range};

use halfstep_model::SelectedDevice;

use crate::error::EvalError;
use crate::evaluation::cache::{ChunkArrays, EvalCache};
use crate::progress::{EvalEvent, EvalObserver, WorkUnit};

/// The settings of an evaluation.
///
/// ```
/// use halfstep_eval::EvalContext;
/// use halfstep_model::DeviceBackend;
///
/// let context = EvalContext { batch_size: 64, ..EvalContext::new(DeviceBackend::Cpu.select()?) };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct EvalContext<'a> {
    /// Where networks run.
    pub device: SelectedDevice,
    /// Where results are kept between calls. Without it everything is computed each time.
    pub cache: Option<EvalCache>,
    /// Images per network call: it changes memory and speed, never scores.
    pub batch_size: usize,
    /// Seed of the noise that images are sampled from.
    pub seed: u64,
    /// Receives the events and may stop the evaluation.
    pub observer: &'a dyn EvalObserver,
}

impl EvalContext<'_> {
    /// Batches of 32, seed 0, no cache and no observer.
    pub fn new(device: SelectedDevice) -> Self {
        Self { device, cache: None, batch_size: 32, seed: 0, observer: &() }
    }

    /// Sends an event.
    pub(crate) fn report(&self, event: EvalEvent) {
        self.observer.on_event(event);
    }

    /// Begins counted work, which ends when the result is dropped.
    pub(crate) fn begin(&self, unit: WorkUnit) -> CountedWork<'_> {
        self.report(EvalEvent::Began(unit));
        CountedWork { observer: self.observer }
    }

    /// [`EvalError::Stopped`] if the observer wants to stop.
    pub(crate) fn check(&self) -> Result<(), EvalError> {
        if self.observer.should_stop() { Err(EvalError::Stopped) } else { Ok(()) }
    }

    /// A break if the observer wants to stop.
    pub(crate) fn flow(&self) -> ControlFlow<()> {
        if self.observer.should_stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// A chunk from the cache, or computed now.
    pub(crate) fn chunk(
        &self,
        key: &str,
        which: &Range<usize>,
        names: &[&'static str],
        make: impl FnOnce() -> Result<ChunkArrays, EvalError>,
    ) -> Result<ChunkArrays, EvalError> {
        match &self.cache {
            Some(cache) => cache.chunk(key, which, names, make),
            None => make(),
        }
    }
}

/// Counted work under way.
pub(crate) struct CountedWork<'a> {
    observer: &'a dyn EvalObserver,
}

impl CountedWork<'_> {
    /// `done` of `total` are done.
    pub fn report(&self, done: u64, total: u64) {
        self.observer.on_event(EvalEvent::Progress { done, total });
    }
}

impl Drop for CountedWork<'_> {
    fn drop(&mut self) {
        self.observer.on_event(EvalEvent::Ended);
    }
}
