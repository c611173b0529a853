//! The training times that a sampler visits, as diffusers lists them.
//!
//! The arithmetic is numpy's to the last bit (float steps, round half to even): a model folder visits the same times
//! here and in Python. There is one exception. `arange` sometimes yields one value too many by rounding, for example
//! for 61 trailing steps of 1000: diffusers then takes 62 steps with a last time of -1, while the list here has the
//! requested length.

use serde::{Deserialize, Serialize};

/// Where the visited times lie among the training times (Lin et al. 2023, arXiv:2305.08891, section
/// 3.3).
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
pub enum TimestepSpacing {
    /// Multiples of the step from 0 up: never visits the noisiest time.
    Leading,
    /// Multiples of the step from T - 1 down: starts at the noisiest time. Prefer this one.
    Trailing,
    /// Both ends included.
    Linspace,
}

/// A list of times that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestepError {
    /// No steps at all.
    #[error("num_steps is 0: sampling takes at least one step")]
    NoSteps,
    /// More steps than there are distinct times for them.
    #[error(
        "num_steps = {num_steps} is too many: at most {max} with {train_timesteps} training timesteps"
    )]
    TooManySteps {
        /// Requested steps.
        num_steps: usize,
        /// The largest possible number.
        max: usize,
        /// Times the model was trained on.
        train_timesteps: usize,
    },
    /// The offset pushes the first time past the last training time.
    #[error(
        "steps_offset = {steps_offset} puts the first timestep at {first}, past the last training timestep {last}"
    )]
    OffsetTooLarge {
        /// The requested offset.
        steps_offset: usize,
        /// Where the first time would be.
        first: usize,
        /// The last training time, T - 1.
        last: usize,
    },
}

/// `num_steps` times in `0..train_timesteps`, noisiest first, as diffusers' DDIM and DDPM
/// schedulers list them.
///
/// `steps_offset` is added with [`TimestepSpacing::Leading`] only. Linspace with one step is `[0]`, as in numpy.
///
/// # Errors
///
/// Unless `1 <= num_steps <= train_timesteps`, and where the offset leaves the range.
///
/// ```
/// use halfstep_core::{TimestepSpacing, timesteps};
///
/// let times = timesteps(TimestepSpacing::Trailing, 4, 1024, 0)?;
/// assert_eq!(times, [1023, 767, 511, 255]);
/// # Ok::<(), halfstep_core::TimestepError>(())
/// ```
pub fn timesteps(
    spacing: TimestepSpacing,
    num_steps: usize,
    train_timesteps: usize,
    steps_offset: usize,
) -> Result<Vec<usize>, TimestepError> {
    check_count(num_steps, train_timesteps, train_timesteps)?;
    match spacing {
        TimestepSpacing::Leading => {
            let step = train_timesteps / num_steps;
            check_offset((num_steps - 1) * step, train_timesteps, steps_offset)?;
            let times = (0..num_steps).rev().map(|i| i * step + steps_offset);
            Ok(times.collect())
        }
        TimestepSpacing::Trailing => Ok(trailing(num_steps, train_timesteps)),
        TimestepSpacing::Linspace => Ok(linspace_descending(num_steps, train_timesteps)),
    }
}

/// The same for diffusers' DPMSolverMultistep: leading and linspace make one time more and drop the least noisy.
///
/// # Errors
///
/// As [`timesteps`]; leading and linspace need `num_steps < train_timesteps`.
pub fn dpm_timesteps(
    spacing: TimestepSpacing,
    num_steps: usize,
    train_timesteps: usize,
    steps_offset: usize,
) -> Result<Vec<usize>, TimestepError> {
    if spacing == TimestepSpacing::Trailing {
        return timesteps(spacing, num_steps, train_timesteps, steps_offset);
    }
    check_count(num_steps, train_timesteps.saturating_sub(1), train_timesteps)?;
    let mut times = timesteps(spacing, num_steps + 1, train_timesteps, steps_offset)?;
    times.pop();
    Ok(times)
}

/// `round(arange(T, 0, -T/N)) - 1`.
fn trailing(num_steps: usize, train_timesteps: usize) -> Vec<usize> {
    let start = train_timesteps as f64;
    let step = start / num_steps as f64;
    let stride = (start - step) - start; // arange fills with the difference of its first two values
    (0..num_steps)
        .map(|i| (start + i as f64 * stride).round_ties_even())
        .map(|time| (time as usize).saturating_sub(1))
        .collect()
}

/// `round(linspace(0, T - 1, N))`, last to first.
fn linspace_descending(num_steps: usize, train_timesteps: usize) -> Vec<usize> {
    let last = train_timesteps - 1;
    let step = last as f64 / num_steps.saturating_sub(1).max(1) as f64;
    let ascending = |i: usize| match i {
        0 => 0,
        i if i == num_steps - 1 => last,
        i => (i as f64 * step).round_ties_even() as usize,
    };
    (0..num_steps).rev().map(ascending).collect()
}

fn check_count(num_steps: usize, max: usize, train_timesteps: usize) -> Result<(), TimestepError> {
    if num_steps == 0 {
        return Err(TimestepError::NoSteps);
    }
    if num_steps > max {
        return Err(TimestepError::TooManySteps { num_steps, max, train_timesteps });
    }
    Ok(())
}

fn check_offset(
    first: usize,
    train_timesteps: usize,
    steps_offset: usize,
) -> Result<(), TimestepError> {
    let (first, last) = (first.saturating_add(steps_offset), train_timesteps - 1);
    if first > last {
        return Err(TimestepError::OffsetTooLarge { steps_offset, first, last });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::TimestepSpacing::{Leading, Linspace, Trailing};
    use super::*;

    #[test]
    fn lists_are_whole_descending_and_in_range() {
        for train in [1, 2, 7, 1000, 1024] {
            for spacing in [Leading, Trailing, Linspace] {
                for num_steps in 1..=train {
                    let times = timesteps(spacing, num_steps, train, 0).unwrap();
                    assert_eq!(times.len(), num_steps);
                    assert!(times.iter().all(|&t| t < train));
                    let falls = times.windows(2).all(|pair| pair[1] < pair[0]);
                    assert!(falls, "{spacing:?} {num_steps} of {train}: {times:?}");
                }
            }
        }
    }

    #[test]
    fn trailing_halves_exactly_at_powers_of_two() {
        for num_steps in (1..10).map(|k| 1 << k) {
            let teacher = timesteps(Trailing, num_steps, 1024, 0).unwrap();
            let student = timesteps(Trailing, num_steps / 2, 1024, 0).unwrap();
            let every_second: Vec<_> = teacher.into_iter().step_by(2).collect();
            assert_eq!(student, every_second);
        }
    }

    #[test]
    fn trailing_rounds_as_numpy_does() {
        // 1000 - 3 * 1000/48 = 937.5 would round to 938 and give 937; numpy's fill is just below.
        assert_eq!(timesteps(Trailing, 48, 1000, 0).unwrap()[..5], [999, 978, 957, 936, 916]);
    }

    #[test]
    fn offset_shifts_leading_only() {
        assert_eq!(timesteps(Leading, 2, 10, 1).unwrap(), [6, 1]);
        assert_eq!(timesteps(Trailing, 2, 10, 1).unwrap(), [9, 4]);
        assert_eq!(timesteps(Linspace, 2, 10, 1).unwrap(), [9, 0]);
        assert_eq!(dpm_timesteps(Leading, 2, 10, 1).unwrap(), [7, 4]);
    }

    #[test]
    fn impossible_lists_are_refused() {
        let none = Err(TimestepError::NoSteps);
        let too_many = |num_steps, max| {
            Err(TimestepError::TooManySteps { num_steps, max, train_timesteps: 10 })
        };
        for spacing in [Leading, Trailing, Linspace] {
            assert_eq!(timesteps(spacing, 0, 10, 0), none);
            assert_eq!(dpm_timesteps(spacing, 0, 10, 0), none);
            assert_eq!(timesteps(spacing, 11, 10, 0), too_many(11, 10));
            assert!(timesteps(spacing, 1, 0, 0).is_err());
            assert!(dpm_timesteps(spacing, 1, 0, 0).is_err());
            assert!(dpm_timesteps(spacing, usize::MAX, 10, 0).is_err());
        }
        assert_eq!(dpm_timesteps(Leading, 10, 10, 0), too_many(10, 9));
        assert_eq!(dpm_timesteps(Linspace, 10, 10, 0), too_many(10, 9));
        assert!(dpm_timesteps(Trailing, 10, 10, 0).is_ok());
        assert_eq!(
            timesteps(Leading, 10, 10, 1),
            Err(TimestepError::OffsetTooLarge { steps_offset: 1, first: 10, last: 9 })
        );
        assert!(timesteps(Leading, 2, 10, usize::MAX).is_err());
    }
}
