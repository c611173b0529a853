//! The range of an axis and its ticks.
//!
//! By hand: on a logarithmic axis plotters marks powers of ten alone, and a loss often stays within one decade.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

use crate::number::tick;

/// How values are spread along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// From zero to the largest value exactly.
    Steps,
    /// From zero, with room above the largest value.
    FromZero,
    /// From 0 to 1.
    Unit,
    /// Logarithmic, with room on both sides.
    Log,
}

impl Scale {
    /// Whether a value has a place on the axis. Sums of squares overflow far beyond any real loss.
    pub fn takes(self, value: f64) -> bool {
        match self {
            Self::Log => (1e-100..1e100).contains(&value),
            Self::Steps | Self::FromZero => (0.0..1e100).contains(&value),
            Self::Unit => (0.0..=1.0).contains(&value),
        }
    }
}

/// An axis that fits its values.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    ticks: Vec<f64>,
}

impl Axis {
    /// Fits an axis to the values that have a place on it; `None` if there are none. `room` is the share that stays
    /// free, at both ends of a logarithmic axis and at the top of one from zero.
    pub fn fit(scale: Scale, values: impl Iterator<Item = f64>, room: f64) -> Option<Self> {
        let (least, most) = values
            .filter(|&value| scale.takes(value))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| {
                (least.min(value), most.max(value))
            });
        if least > most {
            return None;
        }
        let (low, high) = match scale {
            Scale::Unit => (0.0, 1.0),
            // Zeros alone, or values so small that the distance of two ticks rounds to zero.
            Scale::Steps | Scale::FromZero if most < 1e-100 => (0.0, 1.0),
            Scale::Steps => (0.0, most),
            Scale::FromZero => (0.0, most * (1.0 + room)),
            Scale::Log => {
                // A flat curve gets a tenth of a decade around it: enough to carry a tick.
                let room = 10f64.powf(((most / least).log10() * room).max(0.05));
                (least / room, most * room)
            }
        };
        let ticks = match scale {
            Scale::Log => log_ticks(low, high),
            _ => linear_ticks(low, high),
        };
        Some(Self { scale, low, high, ticks })
    }

    /// The same axis with ticks at these values alone.
    pub fn with_ticks(mut self, values: &[f64]) -> Self {
        self.ticks = values.iter().copied().filter(|&value| self.scale.takes(value)).collect();
        self
    }

    /// The values at the ticks.
    pub fn ticks(&self) -> &[f64] {
        &self.ticks
    }

    /// The words at the ticks.
    pub fn labels(&self) -> impl DoubleEndedIterator<Item = String> {
        self.ticks.iter().map(|&value| tick(value))
    }

    /// The place of a value between the ends, 0 to 1.
    fn share(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Log => (value / self.low).ln() / (self.high / self.low).ln(),
            _ => (value - self.low) / (self.high - self.low),
        }
    }
}

/// What plotters asks of an axis.
impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        from + (self.share(*value).clamp(0.0, 1.0) * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // Plotters asks twice, the second time for lines between the ticks.
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

/// About five round values from `low` to `high`.
fn linear_ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|m| m * power).into_iter().find(|&s| s >= rough);
    let step = step.unwrap_or(10.0 * power);
    let (first, last) = ((low / step).ceil() as i64, (high / step * (1.0 + 1e-9)).floor() as i64);
    (first..=last).map(|k| (k as f64 * step).min(high)).collect()
}

/// Round values from `low` to `high`: powers of ten if there are enough of them, else more values per decade, else
/// those of a linear axis.
fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let sets: [&[f64]; 4] =
        [&[1.0], &[1.0, 3.0], &[1.0, 2.0, 5.0], &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0]];
    for set in sets {
        let decade = |power| set.iter().map(move |digit| digit * 10f64.powi(power));
        let all = powers.clone().flat_map(decade);
        let ticks: Vec<f64> = all.filter(|value| (low..=high).contains(value)).collect();
        if ticks.len() >= 4 {
            let every = ticks.len().div_ceil(7);
            return ticks.into_iter().step_by(every).collect();
        }
    }
    linear_ticks(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(scale: Scale, values: &[f64]) -> Option<Axis> {
        Axis::fit(scale, values.iter().copied(), 0.05)
    }

    fn labels(axis: &Axis) -> Vec<String> {
        axis.labels().collect()
    }

    #[test]
    fn without_values_there_is_no_axis() {
        for scale in [Scale::Steps, Scale::FromZero, Scale::Unit, Scale::Log] {
            assert!(fitted(scale, &[]).is_none());
            assert!(fitted(scale, &[f64::NAN, f64::INFINITY, -1.0, 1e300]).is_none());
        }
        assert!(fitted(Scale::Log, &[0.0]).is_none());
    }

    #[test]
    fn values_and_ticks_lie_between_the_ends() {
        let ranges =
            [[1e-99, 1e99], [0.07, 0.3], [0.1, 0.1], [3e-5, 7e-3], [999.0, 1001.0], [1.0, 5e5]];
        for scale in [Scale::Steps, Scale::FromZero, Scale::Log] {
            for values in ranges {
                let axis = fitted(scale, &values).unwrap();
                for value in values.iter().chain(&axis.ticks) {
                    assert!((axis.low..=axis.high).contains(value), "{scale:?} {value} {axis:?}");
                }
                let count = axis.ticks.len();
                assert!((1..=7).contains(&count), "{scale:?} {values:?}: {:?}", labels(&axis));
                assert!(axis.ticks.is_sorted());
            }
        }
    }

    #[test]
    fn a_logarithmic_axis_gives_each_decade_the_same_length() {
        let axis = Axis::fit(Scale::Log, [1e-3, 10.0].into_iter(), 0.0).unwrap();
        let at = [1e-3, 1e-2, 0.1, 1.0, 10.0].map(|value| axis.map(&value, (0, 10_000)));
        let lengths: Vec<i32> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(lengths.iter().all(|length| length.abs_diff(lengths[0]) <= 1), "{lengths:?}");
    }

    #[test]
    fn ticks_are_round() {
        let of = |scale, values: &[f64]| labels(&fitted(scale, values).unwrap());
        assert_eq!(of(Scale::Steps, &[1500.0]), ["0", "500", "1000", "1500"]);
        assert_eq!(of(Scale::Log, &[0.07, 0.3]), ["0.07", "0.1", "0.15", "0.2", "0.3"]);
        assert_eq!(of(Scale::Log, &[2e-5, 0.004]), ["3e-5", "0.0001", "0.0003", "0.001", "0.003"]);
        assert_eq!(of(Scale::Log, &[1.0]), ["0.9", "0.95", "1", "1.05", "1.1"]);
    }

    #[test]
    fn zero_alone_still_has_an_axis() {
        let axis = fitted(Scale::Steps, &[0.0]).unwrap();
        assert_eq!(axis.range(), 0.0..1.0);
    }
}
