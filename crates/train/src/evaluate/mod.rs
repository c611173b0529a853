//! Measuring a trained model, and drawing the pictures that show it.

pub(crate) mod agreement;
pub(crate) mod card;
pub(crate) mod measure;
pub(crate) mod memorisation;
pub(crate) mod output_error;
