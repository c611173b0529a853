//! Exact denoisers: distributions simple enough that the best possible network is a formula.
//!
//! They replace a UNet wherever a result is compared with the truth. Each has its formulas on the host in f64, and is
//! a [`Denoiser`](crate::Denoiser) over tensors of any float type.

mod gaussian;
mod mixture;

pub use gaussian::GaussianOracle;
pub use mixture::MixtureOracle;

/// Parameters that make no distribution.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OracleError {
    /// No dimensions, or no components.
    #[error("`{field}` is empty")]
    Empty {
        /// The argument.
        field: &'static str,
    },
    /// Lists of different lengths.
    #[error("`{field}` has length {found}, expected {expected}")]
    LengthMismatch {
        /// The argument.
        field: &'static str,
        /// Its length.
        found: usize,
        /// The length of the list it goes with.
        expected: usize,
    },
    /// A value that is not finite, a negative variance, or a weight that is not positive.
    #[error("`{field}`[{index}] = {value} is out of range")]
    OutOfRange {
        /// The argument.
        field: &'static str,
        /// Position in the list.
        index: usize,
        /// The value found there.
        value: f64,
    },
}

/// Refuses lists with a value that does not hold, or with one that is not finite.
fn check_values(
    field: &'static str,
    values: &[f64],
    holds: impl Fn(f64) -> bool,
) -> Result<(), OracleError> {
    match values.iter().position(|&x| !x.is_finite() || !holds(x)) {
        Some(index) => Err(OracleError::OutOfRange { field, index, value: values[index] }),
        None => Ok(()),
    }
}

fn check_length(field: &'static str, found: usize, expected: usize) -> Result<(), OracleError> {
    match found == expected {
        true => Ok(()),
        false => Err(OracleError::LengthMismatch { field, found, expected }),
    }
}

fn check_not_empty(field: &'static str, length: usize) -> Result<(), OracleError> {
    match length {
        0 => Err(OracleError::Empty { field }),
        _ => Ok(()),
    }
}
