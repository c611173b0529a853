//! Measures a trained model: agreement with its teacher, error of its prediction, memorisation; writes its
//! pictures and its model card.

pub(crate) mod agreement;
pub(crate) mod card;
pub(crate) mod measure;
pub(crate) mod memorisation;
pub(crate) mod output_error;
