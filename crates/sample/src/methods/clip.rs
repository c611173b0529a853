//! Keeping the predicted image in range.

use halfstep_core::{Prediction, X0Clip};

/// x0 clipped as diffusers' `clip_sample` does: eps stays as predicted.
pub(crate) fn clipped(prediction: Prediction, clip: Option<X0Clip>) -> Prediction {
    match clip {
        Some(clip) => prediction.with_clip(clip),
        None => prediction,
    }
}

/// x0 clipped, and eps and v of the clipped x0: for methods that mix predictions of several times.
pub(crate) fn clipped_everywhere(prediction: Prediction, clip: Option<X0Clip>) -> Prediction {
    match clip {
        Some(clip) => prediction.with_clip_everywhere(clip),
        None => prediction,
    }
}
