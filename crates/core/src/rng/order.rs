//! The order in which a run sees the images of a dataset.

use super::stream::{Purpose, Stream};

/// An endless sequence of epochs, each a new permutation of the dataset.
///
/// The order is a pure function of `(len, seed, position)`: a run that resumes asks for the next position. The
/// permutation of the current epoch is kept only for speed.
///
/// ```
/// use halfstep_core::rng::EpochOrder;
///
/// let mut order = EpochOrder::new(3, 7);
/// let mut epoch: Vec<usize> = (0..3).map(|position| order.index(position)).collect();
/// epoch.sort_unstable();
/// assert_eq!(epoch, [0, 1, 2]);
/// ```
#[derive(Clone, Debug)]
pub struct EpochOrder {
    len: u64,
    seed: u64,
    epoch: Option<u64>,
    permutation: Vec<usize>,
}

impl EpochOrder {
    /// The order in which `len` images are seen under `seed`.
    ///
    /// # Panics
    /// If `len` is zero.
    pub fn new(len: usize, seed: u64) -> Self {
        assert!(len > 0, "an empty dataset has no order");
        Self { len: len as u64, seed, epoch: None, permutation: (0..len).collect() }
    }

    /// The image at `position` of the run, counted from zero over all epochs.
    pub fn index(&mut self, position: u64) -> usize {
        let epoch = position / self.len;
        if self.epoch != Some(epoch) {
            self.shuffle(epoch);
        }
        self.permutation[(position % self.len) as usize]
    }

    /// The shuffle of Fisher and Yates with the numbers of stream `(seed, BatchOrder, epoch)`.
    fn shuffle(&mut self, epoch: u64) {
        let mut stream = Stream::new(self.seed, Purpose::BatchOrder, epoch);
        for (i, slot) in self.permutation.iter_mut().enumerate() {
            *slot = i;
        }
        for i in (1..self.permutation.len()).rev() {
            let j = stream.below(i as u64 + 1) as usize;
            self.permutation.swap(i, j);
        }
        self.epoch = Some(epoch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(order: &mut EpochOrder, epoch: u64) -> Vec<usize> {
        let len = order.len;
        (epoch * len..(epoch + 1) * len).map(|position| order.index(position)).collect()
    }

    /// The literals come from an independent implementation in Python; see `stream`.
    #[test]
    fn the_first_epochs_are_pinned() {
        let mut order = EpochOrder::new(10, 7);
        assert_eq!(epoch(&mut order, 0), [2, 4, 5, 6, 1, 0, 9, 3, 8, 7]);
        assert_eq!(epoch(&mut order, 1), [7, 8, 4, 6, 5, 1, 0, 2, 3, 9]);
    }

    #[test]
    fn every_epoch_shows_every_image_once() {
        for len in [1, 2, 3, 100] {
            let mut order = EpochOrder::new(len, 1);
            for e in [0, 1, 2, 1 << 40] {
                let mut seen = epoch(&mut order, e);
                seen.sort_unstable();
                assert!(seen.into_iter().eq(0..len));
            }
        }
    }

    #[test]
    fn epochs_and_seeds_differ() {
        let mut order = EpochOrder::new(100, 1);
        assert_ne!(epoch(&mut order, 0), epoch(&mut order, 1));
        assert_ne!(epoch(&mut order, 0), epoch(&mut EpochOrder::new(100, 2), 0));
    }

    #[test]
    fn a_position_gives_the_same_image_however_it_was_reached() {
        let mut walked = EpochOrder::new(7, 3);
        let walk: Vec<usize> = (0..50).map(|position| walked.index(position)).collect();
        for position in (0..50).rev() {
            assert_eq!(EpochOrder::new(7, 3).index(position), walk[position as usize]);
            assert_eq!(walked.index(position), walk[position as usize]);
        }
        walked.index(u64::MAX);
    }
}
