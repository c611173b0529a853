//! A point on a time grid: the network's time input, and the noise level at that time.

use crate::NoiseLevel;

/// One time of a sampling or distillation grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimePoint {
    /// The network's discrete time input, in `0..T`; fractional between two grid points, -1 for clean data.
    pub t: f64,
    /// The noise level at that time.
    pub level: NoiseLevel,
}

impl TimePoint {
    /// The end of every trajectory: clean data, `t = -1`.
    pub const CLEAN: Self = Self { t: -1.0, level: NoiseLevel::CLEAN };
}
