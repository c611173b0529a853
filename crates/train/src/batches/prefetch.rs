//! Makes batches ahead of time, on another thread.

use std::ops::Range;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use crate::batches::{BatchSource, HostBatch};
use crate::error::TrainError;

/// Finished batches that may wait: the next one, and one in reserve.
const AHEAD: usize = 2;

/// The parts of a stage's batches in order, made on another thread while the device computes. They equal the
/// results of [`BatchSource::part`].
pub struct Prefetch {
    parts: Receiver<HostBatch>,
}

impl Prefetch {
    /// Starts a thread that makes the batches of `steps`. It ends after the last batch, or when this value is
    /// dropped.
    pub fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        mut source: BatchSource<'scope>,
        steps: Range<u64>,
    ) -> Self {
        let (sender, parts) = sync_channel(AHEAD);
        scope.spawn(move || {
            let parts = source.parts;
            for (step, part) in steps.flat_map(|step| (0..parts).map(move |part| (step, part))) {
                if sender.send(source.part(step, part)).is_err() {
                    break;
                }
            }
        });
        Self { parts }
    }

    /// The next part.
    ///
    /// # Errors
    /// [`TrainError::Device`] after the last part, or if the thread has panicked.
    pub fn next(&self) -> Result<HostBatch, TrainError> {
        let ended = |_| TrainError::Device("the thread that makes batches ended".to_owned());
        self.parts.recv().map_err(ended)
    }
}

#[cfg(test)]
mod tests {
    use halfstep_data::DataConfig;

    use super::*;

    #[test]
    fn parts_come_in_order_and_equal_those_of_the_source() {
        let digits = DataConfig::Digits {}.load().unwrap();
        let mut source =
            BatchSource { parts: 2, flip: true, labels: true, ..BatchSource::new(&digits, 1, 8) };
        std::thread::scope(|scope| {
            let ahead = Prefetch::start(scope, source.clone(), 5..8);
            for step in 5..8 {
                for part in 0..2 {
                    assert_eq!(ahead.next().unwrap(), source.part(step, part));
                }
            }
            ahead.next().unwrap_err();
        });
    }

    #[test]
    fn dropping_a_prefetch_ends_its_thread() {
        let digits = DataConfig::Digits {}.load().unwrap();
        let source = BatchSource::new(&digits, 1, 8);
        // The scope waits for the thread, so this returns only if the thread ends.
        std::thread::scope(|scope| drop(Prefetch::start(scope, source, 0..u64::MAX / 64)));
    }
}
