//! A point on a time grid: what the network is told, and the noise level that goes with it.

use crate::NoiseLevel;

/// One time of a sampling or distillation grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimePoint {
    /// Discrete time the network is told, in `0..T`; fractional between two grid points, -1 for
    /// clean data.
    pub t: f64,
    /// The noise level at that time.
    pub level: NoiseLevel,
}

impl TimePoint {
    /// The end of every trajectory: clean data, `t = -1`.
    pub const CLEAN: Self = Self { t: -1.0, level: NoiseLevel::CLEAN };
}
