//! Which members of a set are taken: evenly spaced ones, or random ones.

use halfstep_core::rng::Stream;

/// `count` of the places `0..all`, evenly spaced from place 0 on; all places if there are fewer than `count`.
pub(crate) fn evenly_spaced(all: usize, count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(all);
    (0..count).map(move |k| (k as u128 * all as u128 / count as u128) as usize)
}

/// `count` distinct places of `0..all` in random order.
pub(crate) fn random(all: usize, count: usize, stream: &mut Stream) -> Vec<usize> {
    let mut order: Vec<usize> = (0..all).collect();
    for k in 0..count {
        order.swap(k, k + stream.below((all - k) as u64) as usize);
    }
    order.truncate(count);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_spread_over_the_whole() {
        assert_eq!(evenly_spaced(10, 4).collect::<Vec<_>>(), [0, 2, 5, 7]);
        assert_eq!(evenly_spaced(3, 9).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(evenly_spaced(5, 0).count(), 0);
    }
}
