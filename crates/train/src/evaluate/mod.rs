//! Measuring a stage's finished model, and drawing what shows it.

pub(crate) mod agreement;
pub(crate) mod card;
pub(crate) mod measure;
pub(crate) mod output_error;
