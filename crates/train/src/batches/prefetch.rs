//! Batches made ahead of the device.

use std::ops::Range;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use crate::batches::{BatchSource, HostBatch};

/// Batches that may wait: one that the device takes next, and one to be safe.
const AHEAD: usize = 2;

/// The parts of a stage's batches in order, made on a thread of their own while the device computes.
/// They are what [`BatchSource::part`] gives: who makes them, and when, changes nothing.
pub struct Prefetch {
    parts: Receiver<HostBatch>,
}

impl Prefetch {
    /// Makes the batches of `steps`. The thread ends with the last of them, or when this is dropped.
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

    /// The next part; `None` after the last.
    pub fn next(&self) -> Option<HostBatch> {
        self.parts.recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use halfstep_data::{DataConfig, EpochOrder};

    use super::*;
    use crate::config::TimeSampling;

    #[test]
    fn parts_come_in_order_and_are_the_sources() {
        let digits = DataConfig::Digits {}.load().unwrap();
        let mut source = BatchSource {
            dataset: &digits,
            order: EpochOrder::new(digits.len(), 1),
            seed: 1,
            batch_size: 8,
            parts: 2,
            time_sampling: TimeSampling::Uniform,
            flip: true,
            labels: true,
        };
        std::thread::scope(|scope| {
            let ahead = Prefetch::start(scope, source.clone(), 5..8);
            for step in 5..8 {
                for part in 0..2 {
                    assert_eq!(ahead.next(), Some(source.part(step, part)));
                }
            }
            assert_eq!(ahead.next(), None);
        });
    }

    #[test]
    fn dropping_it_ends_the_thread() {
        let digits = DataConfig::Digits {}.load().unwrap();
        let source = BatchSource {
            dataset: &digits,
            order: EpochOrder::new(digits.len(), 1),
            seed: 1,
            batch_size: 8,
            parts: 1,
            time_sampling: TimeSampling::Uniform,
            flip: false,
            labels: false,
        };
        // The scope waits for the thread: this returns only because the thread does.
        std::thread::scope(|scope| drop(Prefetch::start(scope, source, 0..u64::MAX / 64)));
    }
}
