//! Errors of schedules.

use super::{MAX_TRAIN_TIMESTEPS, ScheduleName};

/// A schedule that cannot be built, naming the field or the entry at fault.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    /// No levels at all.
    #[error("train_timesteps is 0: a schedule needs at least one level")]
    Empty,
    /// More levels than any model was trained on.
    #[error("train_timesteps is {found}: at most {MAX_TRAIN_TIMESTEPS} levels are possible")]
    TooLong {
        /// Requested number of levels.
        found: usize,
    },
    /// A beta outside `(0, 1]`, or a 1 before the end.
    #[error("betas[{index}] = {value}: every beta must be in (0, 1], and only the last may be 1")]
    BetaOutOfRange {
        /// Position in the list.
        index: usize,
        /// The value found there.
        value: f64,
    },
    /// Cumulative products that leave `[0, 1)` or do not fall.
    #[error(
        "alphas_cumprod[{index}] = {value}: the values must be in [0, 1) and fall strictly from one to the next"
    )]
    AlphaBarOutOfRange {
        /// Position in the list.
        index: usize,
        /// The value found there.
        value: f64,
    },
    /// Rescaling to zero terminal SNR keeps the first level and moves the last: two are needed.
    #[error("zero_terminal_snr rescaling needs at least two levels, found {found}")]
    TooShortToRescale {
        /// Number of levels found.
        found: usize,
    },
    /// A field of the configuration that the named schedule does not have.
    #[error("schedule option `{field}` does not belong to the {name} schedule: remove it")]
    ForeignOption {
        /// The field.
        field: &'static str,
        /// The requested schedule.
        name: ScheduleName,
    },
    /// A field of the configuration outside its range.
    #[error("schedule option `{field}` = {value}: {expected}")]
    OptionOutOfRange {
        /// The field.
        field: &'static str,
        /// The value found there.
        value: f64,
        /// The values that are right.
        expected: &'static str,
    },
}
