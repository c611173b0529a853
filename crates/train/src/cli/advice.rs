//! What to do about an error, in the words of the command line.

use crate::error::TrainError;

/// The flag that helps; `None` if the error says it all.
pub(super) fn advice(error: &TrainError) -> Option<&'static str> {
    match error {
        TrainError::RunFolder { .. } => Some("--out DIR chooses another run folder"),
        TrainError::Diverged { skipped: 0, .. } => Some(
            "--set non_finite=skip with the same command skips such steps; --out DIR starts another run",
        ),
        TrainError::Diverged { .. } | TrainError::NotFinite { .. } => {
            Some("--out DIR starts another run")
        }
        TrainError::Disagrees(_) => Some("--check-device shows what was compared"),
        TrainError::Interrupted { source, .. } | TrainError::Measuring { source, .. } => {
            advice(source)
        }
        _ => None,
    }
}

/// An error with its advice on a line of its own.
pub(super) fn advised(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref().and_then(advice) {
        Some(advice) => anyhow::anyhow!("{error:#}\n{advice}"),
        None => error,
    }
}
