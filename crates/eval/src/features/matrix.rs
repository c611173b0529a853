//! Features of many samples.

use burn::tensor::Tensor;
use halfstep_core::rng::{Purpose, Stream};

use crate::error::EvalError;
use crate::subset::{evenly_spaced, random};

/// Features of N samples: a row-major matrix `[N, D]` of finite f32.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    values: Vec<f32>,
    dim: usize,
}

impl Features {
    /// Features from rows of `dim` numbers each, one row after another.
    ///
    /// # Errors
    /// [`EvalError::NotFinite`].
    ///
    /// # Panics
    /// If `dim` is 0, or `values` is not a whole number of rows.
    pub fn new(values: Vec<f32>, dim: usize) -> Result<Self, EvalError> {
        assert!(dim > 0 && values.len().is_multiple_of(dim), "whole rows of {dim}");
        match values.iter().all(|value| value.is_finite()) {
            true => Ok(Self { values, dim }),
            false => Err(EvalError::NotFinite("features")),
        }
    }

    /// Features from a tensor `[N, D]`, copied from its device.
    ///
    /// # Errors
    /// [`EvalError::Device`]; [`EvalError::NotFinite`].
    pub fn from_tensor(tensor: Tensor<2>) -> Result<Self, EvalError> {
        let [_, dim] = tensor.dims();
        let data =
            tensor.try_into_data().map_err(|error| EvalError::Device(format!("{error:?}")))?;
        Self::new(data.iter::<f32>().collect(), dim)
    }

    /// Number of samples, N.
    pub fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Features per sample, D.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The features of sample k.
    pub fn row(&self, k: usize) -> &[f32] {
        &self.values[k * self.dim..(k + 1) * self.dim]
    }

    /// The features of all samples, one after another.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.dim)
    }

    /// `count` samples, evenly spaced, so that a sorted set is represented as a whole. All samples if there
    /// are fewer.
    #[must_use]
    pub fn evenly_spaced(&self, count: usize) -> Self {
        self.pick(evenly_spaced(self.len(), count))
    }

    /// All samples in a random order that depends on `seed` alone.
    #[must_use]
    pub fn shuffled(&self, seed: u64) -> Self {
        let mut stream = Stream::new(seed, Purpose::Evaluation, SHUFFLE);
        self.pick(random(self.len(), self.len(), &mut stream).into_iter())
    }

    fn pick(&self, which: impl Iterator<Item = usize>) -> Self {
        Self { values: which.flat_map(|k| self.row(k)).copied().collect(), dim: self.dim }
    }

    /// The matrix `[N, D]`, row-major.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// Appends the features of more samples.
    ///
    /// # Errors
    /// [`EvalError::Dimensions`] if their number of features differs.
    pub fn append(&mut self, more: Self) -> Result<(), EvalError> {
        if more.dim != self.dim {
            return Err(EvalError::Dimensions(self.dim, more.dim));
        }
        self.values.extend(more.values);
        Ok(())
    }

    /// Refuses sides of different networks, and sides with fewer samples than `metric` needs.
    pub(crate) fn check(
        &self,
        other: &Self,
        metric: &'static str,
        needed: usize,
    ) -> Result<(), EvalError> {
        if self.dim != other.dim {
            return Err(EvalError::Dimensions(self.dim, other.dim));
        }
        let found = self.len().min(other.len());
        if found < needed {
            return Err(EvalError::TooFew { metric, needed, found });
        }
        Ok(())
    }
}

/// Index of the random stream for shuffles, far from the indices of images and subsets.
const SHUFFLE: u64 = 1 << 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_spread_over_the_whole() {
        let features = Features::new(vec![0.0, 1.0, 2.0, 3.0], 1).unwrap();
        assert_eq!(features.evenly_spaced(2).into_values(), [0.0, 2.0]);
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
