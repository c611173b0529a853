//! Turns errors into advice that names command-line flags.

use crate::error::TrainError;

/// A sentence with the flag that helps; `None` if the error's own message is enough.
pub(super) fn advice(error: &TrainError) -> Option<&'static str> {
    match error {
        TrainError::RunFolder { .. } => Some("To choose another run folder, add --out DIR"),
        TrainError::Diverged { skipped: 0, .. } => Some(
            "To skip such steps, add --set non_finite=skip to the same command; to start a new run, add --out DIR",
        ),
        TrainError::Diverged { .. } | TrainError::NotFinite { .. } => {
            Some("To start a new run, add --out DIR")
        }
        TrainError::Disagrees(_) => Some("--check-device shows the whole comparison"),
        TrainError::Interrupted { source, .. } | TrainError::Measuring { source, .. } => {
            advice(source)
        }
        _ => None,
    }
}

/// Appends the advice, if there is any, on a separate line.
pub(super) fn advised(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref().and_then(advice) {
        Some(advice) => anyhow::anyhow!("{error:#}\n{advice}"),
        None => error,
    }
}
