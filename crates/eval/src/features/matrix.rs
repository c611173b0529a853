//! What a network says of images.

use std::ops::ControlFlow;

use burn::tensor::Tensor;
use halfstep_data::{Purpose, Stream};

use crate::error::EvalError;

/// Told how much of a measurement is done, in its own unit; breaks to stop it.
pub type OnDone<'a> = dyn FnMut(usize) -> ControlFlow<()> + 'a;

/// Features of N samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    /// Row-major `[N, D]`.
    values: Vec<f32>,
    dim: usize,
}

impl Features {
    /// From rows one after another.
    ///
    /// # Errors
    /// [`EvalError::NotFinite`].
    ///
    /// # Panics
    /// If `values` is no whole number of rows of `dim` numbers.
    pub fn new(values: Vec<f32>, dim: usize) -> Result<Self, EvalError> {
        assert!(dim > 0 && values.len().is_multiple_of(dim), "whole rows of {dim}");
        match values.iter().all(|value| value.is_finite()) {
            true => Ok(Self { values, dim }),
            false => Err(EvalError::NotFinite("features")),
        }
    }

    /// Reads `[N, D]` from the device.
    pub(crate) fn read(tensor: Tensor<2>) -> Result<Self, EvalError> {
        let [_, dim] = tensor.dims();
        let data =
            tensor.try_into_data().map_err(|error| EvalError::Device(format!("{error:?}")))?;
        Self::new(data.iter::<f32>().collect(), dim)
    }

    /// How many samples, N.
    pub fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Features a sample, D.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The features of sample k.
    pub fn row(&self, k: usize) -> &[f32] {
        &self.values[k * self.dim..(k + 1) * self.dim]
    }

    /// All of them, one after another.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.dim)
    }

    /// Those of `count` samples, evenly spread over all: sets may be sorted. All if there are fewer.
    #[must_use]
    pub fn spread(&self, count: usize) -> Self {
        let which = spread(self.len(), count);
        Self { values: which.flat_map(|k| self.row(k)).copied().collect(), dim: self.dim }
    }

    /// All of them in an order of `seed`: sets may be sorted.
    #[must_use]
    pub fn shuffled(&self, seed: u64) -> Self {
        let mut draws = Stream::new(seed, Purpose::Evaluation, SHUFFLE);
        let order = draw(self.len(), self.len(), &mut draws);
        Self {
            values: order.into_iter().flat_map(|k| self.row(k)).copied().collect(),
            dim: self.dim,
        }
    }

    /// Row-major `[N, D]`.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// Appends those of more samples.
    ///
    /// # Errors
    /// [`EvalError::Dimensions`] if they are of another network.
    pub fn append(&mut self, more: Self) -> Result<(), EvalError> {
        if more.dim != self.dim {
            return Err(EvalError::Dimensions(self.dim, more.dim));
        }
        self.values.extend(more.values);
        Ok(())
    }

    /// Refuses sides of different networks, and sides with too few samples for `measure`.
    pub(crate) fn check(
        &self,
        other: &Self,
        measure: &'static str,
        needed: usize,
    ) -> Result<(), EvalError> {
        if self.dim != other.dim {
            return Err(EvalError::Dimensions(self.dim, other.dim));
        }
        let found = self.len().min(other.len());
        if found < needed {
            return Err(EvalError::TooFew { measure, needed, found });
        }
        Ok(())
    }
}

/// Index of the stream that a shuffle draws from, far from those of anything that is numbered.
const SHUFFLE: u64 = 1 << 40;

/// `count` different ones of `all` places, at random.
pub(crate) fn draw(all: usize, count: usize, draws: &mut Stream) -> Vec<usize> {
    let mut order: Vec<usize> = (0..all).collect();
    for k in 0..count {
        order.swap(k, k + draws.below((all - k) as u64) as usize);
    }
    order.truncate(count);
    order
}

/// `count` of `all` places, evenly, the first among them; all if there are fewer.
pub(crate) fn spread(all: usize, count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(all);
    (0..count).map(move |k| (k as u128 * all as u128 / count as u128) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_spread_over_the_whole() {
        assert_eq!(spread(10, 4).collect::<Vec<_>>(), [0, 2, 5, 7]);
        assert_eq!(spread(3, 9).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(spread(5, 0).count(), 0);
        let features = Features::new(vec![0.0, 1.0, 2.0, 3.0], 1).unwrap();
        assert_eq!(features.spread(2).into_values(), [0.0, 2.0]);
    }

    #[test]
    fn a_shuffle_moves_whole_rows_and_loses_none() {
        let values: Vec<f32> = (0..40_u8).map(f32::from).collect();
        let features = Features::new(values.clone(), 2).unwrap();
        let shuffled = features.shuffled(0);
        assert!(shuffled.rows().all(|row| row[1] == row[0] + 1.0 && row[0] % 2.0 == 0.0));
        assert_ne!(shuffled, features);
        assert_ne!(shuffled, features.shuffled(1));
        let mut again = shuffled.into_values();
        again.sort_by(f32::total_cmp);
        assert_eq!(again, values);
    }
}
